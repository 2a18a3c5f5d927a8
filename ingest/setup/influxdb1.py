"""InfluxDB 1.x: administrator, database, retention, a user who may only write and one who may only read.

Promised: no data is touched but by a retention that the settings shorten, and other users and databases not at all.
Not promised: that a server asks for passwords: its own settings say so, and what they say is told. Nor that who may
write cannot drop: in 1.x the right to write is also one to drop series.
Rights: https://docs.influxdata.com/influxdb/v1/administration/authentication_and_authorization/
"""

import re
from typing import Any

from urllib3 import make_headers

from ingest.settings_file import SettingsError
from ingest.setup.report import Report
from ingest.setup.server import Answer, Server
from ingest.setup.settings import Account, SetupSettings

_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")

Rows = list[dict[str, Any]]


def prepare1(server: Server, settings: SetupSettings, report: Report) -> None:
    """Raises SettingsError."""
    admin = _administrator(server, settings, report)
    if admin is None:
        return
    _database(admin, settings, report)
    users = {row["user"]: row["admin"] for row in admin.ask("SHOW USERS")}
    for account, right in ((settings.gateway, "WRITE"), (settings.grafana, "READ")):
        if users.get(account.name):
            raise SettingsError(f"{account.name}: is an administrator; give a user who may do less")
        _user(admin, account, report, known=account.name in users)
        _right(admin, account, right, settings.database, report, known=account.name in users)


class _Login:
    """Asks as one user; without a password as nobody."""

    def __init__(self, server: Server, name: str = "", password: str | None = None, *, asked: bool = True) -> None:
        """`asked` is whether the server looks at the password at all."""
        self.server = server
        self.asked = asked
        self._headers = {} if password is None else make_headers(basic_auth=f"{name}:{password}")

    def answer(self, influxql: str) -> Answer:
        return self.server.post_form("/query", {"q": influxql}, self._headers)

    def ask(self, influxql: str) -> Rows:
        """The rows. What fails is told by the statement's first words: what follows may be a password."""
        answer = self.answer(influxql)
        if answer.status != 200:
            raise answer.failure(" ".join(influxql.split()[:2]))
        [result] = answer.document()["results"]
        if "error" in result:
            raise answer.failure(" ".join(influxql.split()[:2]))
        return [
            dict(zip(series["columns"], row, strict=True))
            for series in result.get("series", [])
            for row in series.get("values", [])
        ]


def _administrator(server: Server, settings: SetupSettings, report: Report) -> _Login | None:
    """None when there is none yet, and none is to be made now."""
    name, secret = settings.admin.name, settings.admin.secret
    nobody = _Login(server, asked=False)
    first = nobody.answer("SHOW USERS")
    asked = first.status != 200
    if asked and "create admin user first" not in first.text:
        password = secret.read()
        if password is None:
            raise SettingsError(f"admin.secret_file: {secret.path}: no such file; put the password of {name!r} into it")
        login = _Login(server, name, password)
        if (answer := login.answer("SHOW USERS")).status != 200:
            raise answer.failure(f"admin {name!r} with the password in {secret.path}")
        report.found(f"administrator {name!r}")
        return login
    if not asked:
        report.warn("the server asks nobody for a password; set auth-enabled = true under [http] in influxdb.conf")
    if not asked and any(row["admin"] for row in nobody.ask("SHOW USERS")):
        report.found("an administrator")
        return nobody
    report.change(
        f"administrator {name!r} made, password in {secret.path}",
        lambda: nobody.ask(
            f"CREATE USER {_name(name)} WITH PASSWORD {_text(secret.read_or_make())} WITH ALL PRIVILEGES"
        ),
    )
    if asked and report.check:
        report.warn("without an administrator the server shows nothing more: what else there is to do is not known yet")
        return None
    return _Login(server, name, secret.read()) if asked else nobody


def _database(admin: _Login, settings: SetupSettings, report: Report) -> None:
    name, days = settings.database, settings.retention_days
    wanted = "INF" if days is None else f"{days}d"
    if name not in [row["name"] for row in admin.ask("SHOW DATABASES")]:
        statement = f"CREATE DATABASE {_name(name)} WITH DURATION {wanted} NAME autogen"
        report.change(f"database {name!r} made, it keeps {_kept(days)}", lambda: admin.ask(statement))
        return
    [policy] = [row for row in admin.ask(f"SHOW RETENTION POLICIES ON {_name(name)}") if row["default"]]
    hours = _hours(policy["duration"])
    if hours == (days or 0) * 24:
        report.found(f"database {name!r}, it keeps {_kept(days)}")
        return
    statement = f"ALTER RETENTION POLICY {_name(policy['name'])} ON {_name(name)} DURATION {wanted}"
    before = f"{hours / 24:g} days" if hours else "for ever"
    report.change(f"database {name!r} keeps {_kept(days)}, {before} until now", lambda: admin.ask(statement))


def _user(admin: _Login, account: Account, report: Report, *, known: bool) -> None:
    name, secret = account.name, account.secret
    if not known:
        report.change(
            f"user {name!r} made, password in {secret.path}",
            lambda: admin.ask(f"CREATE USER {_name(name)} WITH PASSWORD {_text(secret.read_or_make())}"),
        )
        return
    password = secret.read()
    if password is not None and not admin.asked:
        report.found(f"user {name!r}; nobody is asked for a password, so it was not tried")
    elif password is not None and _Login(admin.server, name, password).answer("SHOW DATABASES").status != 401:
        report.found(f"user {name!r} with the password in {secret.path}")
    else:
        report.change(
            f"user {name!r} has the password in {secret.path} now",
            lambda: admin.ask(f"SET PASSWORD FOR {_name(name)} = {_text(secret.read_or_make())}"),
        )


def _right(admin: _Login, account: Account, right: str, database: str, report: Report, *, known: bool) -> None:
    granted = (
        {row["database"]: row["privilege"] for row in admin.ask(f"SHOW GRANTS FOR {_name(account.name)}")}
        if known
        else {}
    )
    verb = {"READ": "read", "WRITE": "write"}[right]
    if granted.get(database) == right:
        report.found(f"user {account.name!r} may {verb} {database!r}, and nothing else of it")
    else:
        report.change(
            f"user {account.name!r} may {verb} {database!r}, and nothing else of it",
            lambda: admin.ask(f"GRANT {right} ON {_name(database)} TO {_name(account.name)}"),
        )
    for other in sorted(granted.keys() - {database}):
        if granted[other] != "NO PRIVILEGES":
            report.found(f"user {account.name!r} has rights on {other!r}, too; left as they are")


def _kept(days: int | None) -> str:
    return "for ever" if days is None else f"{days} days"


def _hours(duration: str) -> float:
    """Of Go's `8760h0m0s`; 0 is for ever."""
    found = _DURATION.fullmatch(duration)
    if found is None:
        raise SettingsError(f"url: a retention of {duration!r} is none of InfluxDB 1.x; give the address of one")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours + minutes / 60 + seconds / 3600


def _name(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
