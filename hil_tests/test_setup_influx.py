"""`python -m ingest.setup` against the real InfluxDB 1.6.7. InfluxDB 2.x and 3 cannot be had here: the tests of
ingest/setup/influxdb2.py and influxdb3.py hold the requests against the published descriptions.
"""

import json
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest
from urllib3 import make_headers

from hil_tests.services import InfluxDB, http_request
from ingest.answer import Answer, Verdict
from ingest.database import Influxdb1Settings
from ingest.writer import open_writer
from tests.setup_run import set_up


class BareInfluxDB(InfluxDB):
    """As it is after its installation: nobody has made anything in it."""

    def __init__(self, folder: Path, *, auth: bool) -> None:
        super().__init__(folder)
        text = self._settings.read_text("utf-8")
        self._settings.write_text(text.replace("auth-enabled = false", f"auth-enabled = {str(auth).lower()}"), "utf-8")

    def prepare(self) -> None:
        """Nothing."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[BareInfluxDB]:
    with BareInfluxDB(tmp_path, auth=True) as started:
        yield started


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Prepares a server as a person would; gives the exit code and all that was told."""

    def prepared(server: InfluxDB, *flags: str, days: int = 0) -> tuple[int, str]:
        return set_up(tmp_path, capsys, server.url, *flags, days=days)

    return prepared


def secret(folder: Path, name: str) -> str:
    return (folder / f"{name}.secret").read_text("utf-8").strip()


def write(server: InfluxDB, folder: Path, name: str, lines: list[str]) -> Answer:
    settings = Influxdb1Settings(server.url, "powerunit", name, secret(folder, name))
    with closing(open_writer(settings, 5.0)) as writer:
        return writer.write(lines)


def query(server: InfluxDB, folder: Path, name: str, influxql: str) -> tuple[int, str]:
    headers = make_headers(basic_auth=f"{name}:{secret(folder, name)}")
    form = {"Content-Type": "application/x-www-form-urlencoded"} | headers
    return http_request(server.port, "POST", "/query", urlencode({"db": "powerunit", "q": influxql}), form)


def now_line(age_days: int = 0) -> str:
    return f"bms,unit=raft-01 soc=61.0 {time.time_ns() // 1_000_000 - age_days * 86_400_000}"


def test_the_gateway_may_only_write_and_grafana_only_read(server: BareInfluxDB, run: Run, tmp_path: Path) -> None:
    code, told = run(server)
    assert code == 0, told
    assert write(server, tmp_path, "gateway", [now_line()]).verdict is Verdict.WRITTEN
    assert write(server, tmp_path, "grafana", [now_line()]).verdict is Verdict.UNAUTHORIZED
    status, answer = query(server, tmp_path, "grafana", "SELECT soc FROM bms")
    assert (status, '"soc"' in answer, "61" in answer) == (200, True, True)
    for name, influxql in (
        ("gateway", "SELECT soc FROM bms"),
        ("gateway", "SHOW MEASUREMENTS"),
        ("gateway", 'DROP DATABASE "powerunit"'),
        ("grafana", "DROP SERIES FROM bms"),
        ("grafana", "SHOW USERS"),
    ):
        status, answer = query(server, tmp_path, name, influxql)
        assert status == 403 or "not authorized" in answer, (name, influxql, status, answer)
    assert query(server, tmp_path, "admin", "SHOW USERS")[0] == 200


def test_secrets_are_in_their_files_and_nowhere_else(server: BareInfluxDB, run: Run, tmp_path: Path) -> None:
    _, told = run(server)
    for name in ("admin", "gateway", "grafana"):
        assert secret(tmp_path, name) not in told
        assert len(secret(tmp_path, name)) >= 32
        assert stat.S_IMODE((tmp_path / f"{name}.secret").stat().st_mode) == 0o600


def test_a_second_run_finds_all_and_changes_nothing(server: BareInfluxDB, run: Run, tmp_path: Path) -> None:
    _, first = run(server, days=365)
    assert "InfluxDB 1.6.7" in first
    assert first.count("changed  ") == 6, first
    kept = {name: secret(tmp_path, name) for name in ("admin", "gateway", "grafana")}
    code, second = run(server, days=365)
    assert code == 0
    assert "changed  " not in second
    assert second.endswith("nothing changed\n")
    assert {name: secret(tmp_path, name) for name in kept} == kept
    assert run(server, "--check", days=365)[0] == 0


def test_the_check_says_what_is_to_do_and_does_nothing(server: BareInfluxDB, run: Run, tmp_path: Path) -> None:
    code, told = run(server, "--check")
    assert (code, "to do    administrator 'admin'" in told) == (1, True)
    assert not (tmp_path / "admin.secret").exists()
    run(server)
    (tmp_path / "grafana.secret").unlink()
    code, told = run(server, "--check", days=400)
    assert code == 1
    assert told.count("to do    ") == 2, told
    assert not (tmp_path / "grafana.secret").exists()
    assert "0s" in query(server, tmp_path, "admin", 'SHOW RETENTION POLICIES ON "powerunit"')[1]


def test_a_changed_retention_is_changed_and_a_lost_password_made_anew(
    server: BareInfluxDB, run: Run, tmp_path: Path
) -> None:
    run(server)
    write(server, tmp_path, "gateway", [now_line()])
    old = secret(tmp_path, "grafana")
    (tmp_path / "grafana.secret").unlink()
    code, told = run(server, days=400)
    assert code == 0
    assert "keeps 400 days, for ever until now" in told
    assert told.endswith("2 things changed\n")
    assert secret(tmp_path, "grafana") != old
    status, answer = query(server, tmp_path, "grafana", "SELECT soc FROM bms")
    assert (status, "61" in answer) == (200, True)
    assert run(server, days=400)[1].endswith("nothing changed\n")


def test_what_is_older_than_the_retention_is_refused_with_that_reason(
    server: BareInfluxDB, run: Run, tmp_path: Path
) -> None:
    run(server, days=30)
    answer = write(server, tmp_path, "gateway", [now_line(age_days=60), now_line()])
    assert answer.verdict is Verdict.REFUSED
    assert "points beyond retention policy" in answer.reason
    _, found = query(server, tmp_path, "grafana", "SELECT COUNT(soc) FROM bms")
    assert json.loads(found)["results"][0]["series"][0]["values"] == [["1970-01-01T00:00:00Z", 1]]


def test_a_server_that_asks_for_no_password_is_prepared_and_that_is_told(tmp_path: Path, run: Run) -> None:
    with BareInfluxDB(tmp_path, auth=False) as server:
        code, told = run(server)
        assert code == 0
        assert "warning  the server asks nobody for a password" in told
        assert run(server)[1].endswith("nothing changed\n")


def test_a_wrong_administrators_password_is_one_line_without_it(server: BareInfluxDB, run: Run, tmp_path: Path) -> None:
    run(server)
    (tmp_path / "admin.secret").write_text("guessed-wrong\n", "utf-8")
    code, told = run(server)
    assert code == 2
    assert "admin 'admin' with the password in" in told
    assert "401" in told
    assert "guessed-wrong" not in told
    assert len(told.strip().splitlines()) == 2


def test_a_server_that_is_not_there_is_one_line(server: BareInfluxDB, run: Run) -> None:
    server.stop()
    code, told = run(server)
    assert code == 2
    assert told.startswith(f"url: {server.url}: ")
    assert told.endswith("start the database, or mend the address\n")
