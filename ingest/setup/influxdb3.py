"""InfluxDB 3 Core: database with its retention, and a token each for the gateway and Grafana.

Not promised, because Core has it not: a token that may only write or only read. Each is an administrator's; that they
are two lets one be taken away without the other. The retention of a database that is there cannot be asked for, and is
left.
API: https://docs.influxdata.com/influxdb3/core/api/
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ingest.settings_file import SettingsError
from ingest.setup.report import Report
from ingest.setup.server import Server
from ingest.setup.settings import Account, SetupSettings

DATABASE = "/api/v3/configure/database"
FIRST_TOKEN = "/api/v3/configure/token/admin"  # noqa: S105
NAMED_TOKEN = "/api/v3/configure/token/named_admin"  # noqa: S105


def prepare3(server: Server, settings: SetupSettings, report: Report) -> None:
    """Raises SettingsError."""
    if "_" in settings.database or "." in settings.database:
        way_out = "InfluxDB 3 takes letters, digits and hyphens only"
        raise SettingsError(f"database: {settings.database!r}; {way_out}")
    headers = _administrator(server, settings.admin, report)
    if headers is None:
        return
    _database(server, headers, settings, report)
    for account in (settings.gateway, settings.grafana):
        _token(server, headers, account, report)
    report.warn("InfluxDB 3 Core has tokens of administrators only: keep the gateway's as you keep the administrator's")


def _administrator(server: Server, admin: Account, report: Report) -> Mapping[str, str] | None:
    """None when there is none yet, and none is to be made now."""
    if admin.secret.read() is None:

        def make() -> None:
            answer = server.post_json(FIRST_TOKEN, None, {})
            if answer.status != 201:
                raise answer.failure(f"admin.secret_file: {admin.secret.path}: no such file, and no first token either")
            admin.secret.write(answer.document()["token"])

        report.change(f"the server's first token made; it is in {admin.secret.path}", make)
        if report.check:
            report.warn("without a token the server shows nothing more: what else there is to do is not known yet")
            return None
    return {"Authorization": f"Bearer {admin.secret.read()}"}


def _database(server: Server, headers: Mapping[str, str], settings: SetupSettings, report: Report) -> None:
    name, days = settings.database, settings.retention_days
    answer = server.get(f"{DATABASE}?format=json", headers)
    if answer.status != 200:
        raise answer.failure(f"databases, with the token in {settings.admin.secret.path}")
    if name in names_in(answer.document()):
        report.found(f"database {name!r}; how long it keeps cannot be asked for, influxdb3 update database changes it")
        return
    wanted = {"db": name} if days is None else {"db": name, "retention_period": f"{days}d"}

    def make() -> None:
        if (made := server.post_json(DATABASE, wanted, headers)).status != 200:
            raise made.failure(f"database {name!r}")

    report.change(f"database {name!r} made, it keeps {'for ever' if days is None else f'{days} days'}", make)


def _token(server: Server, headers: Mapping[str, str], account: Account, report: Report) -> None:
    if (token := account.secret.read()) is not None:
        if server.get("/ping", {"Authorization": f"Bearer {token}"}).status == 401:
            way_out = "remove the file, and the token by influxdb3 delete token, to get another"
            raise SettingsError(f"{account.secret.path}: the database does not know that token; {way_out}")
        report.found(f"token {account.name!r} in {account.secret.path}")
        return

    def make() -> None:
        made = server.post_json(NAMED_TOKEN, {"token_name": account.name}, headers)
        if made.status == 409:
            way_out = f"put it into {account.secret.path}, or remove it by influxdb3 delete token"
            raise SettingsError(f"token {account.name!r}: there is one already; {way_out}")
        if made.status != 201:
            raise made.failure(f"token {account.name!r}")
        account.secret.write(made.document()["token"])

    report.change(f"token {account.name!r} made; it is in {account.secret.path}", make)


def names_in(document: Any) -> Iterator[str]:
    """Every text in it: its published description has a list of names, servers give one object per name."""
    match document:
        case str():
            yield document
        case dict():
            yield from names_in(list(document.values()))
        case list():
            for one in document:
                yield from names_in(one)
