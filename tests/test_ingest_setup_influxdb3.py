"""The requests to an InfluxDB 3 Core, held against its published description; no InfluxDB 3 can be had here."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.setup.influxdb3 import names_in
from tests.openapi_server import OpenApiServer, Reply, Request
from tests.setup_run import set_up

DESCRIPTION = Path(__file__).parent / "openapi" / "influxdb3-core.json"


class Influxdb3StandIn:
    """No InfluxDB: it keeps what it is told, as the description says that an InfluxDB 3 Core does."""

    def __init__(self) -> None:
        self.databases: dict[str, str | None] = {}
        self.tokens: dict[str, str] = {}

    def __call__(self, request: Request) -> Reply:
        if request.operation == "PostCreateAdminToken" and not self.tokens:
            return self._token("_admin")
        if request.authorization.removeprefix("Bearer ") not in self.tokens.values():
            return Reply(
                401, {"error": "the request was not authenticated"} if request.operation != "GetPing" else None
            )
        match request.operation:
            case "GetPing":
                return Reply(200, {"version": "3.8.0"}, {"x-influxdb-version": "3.8.0", "x-influxdb-build": "Core"})
            case "GetConfigureDatabase":
                return Reply(200, {"databases": list(self.databases)})
            case "PostConfigureDatabase":
                self.databases[request.body["db"]] = request.body.get("retention_period")
                return Reply(200)
            case "PostCreateNamedAdminToken":
                name = request.body["token_name"]
                return Reply(409) if name in self.tokens else self._token(name)
        raise ValueError(f"the stand-in does not know {request.operation}")

    def _token(self, name: str) -> Reply:
        self.tokens[name] = f"apiv3-{name}"
        return Reply(201, {"id": len(self.tokens), "name": name, "token": self.tokens[name]})


@pytest.fixture
def influxdb() -> Influxdb3StandIn:
    return Influxdb3StandIn()


@pytest.fixture
def server(influxdb: Influxdb3StandIn) -> Iterator[OpenApiServer]:
    with OpenApiServer(DESCRIPTION, influxdb) as started:
        yield started
        assert started.wrong == []


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(server: OpenApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def prepared(*flags: str, days: int = 0, database: str = "powerunit") -> tuple[int, str]:
        return set_up(tmp_path, capsys, server.url, *flags, days=days, database=database)

    return prepared


def changing(server: OpenApiServer) -> list[str]:
    return [request.operation for request in server.requests if not request.operation.startswith("Get")]


def test_first_token_database_and_two_tokens_are_made_once(
    server: OpenApiServer, influxdb: Influxdb3StandIn, run: Run, tmp_path: Path
) -> None:
    code, told = run(days=365)
    assert code == 0, told
    assert influxdb.databases == {"powerunit": "365d"}
    for name, token in (("admin", "_admin"), ("gateway", "gateway"), ("grafana", "grafana")):
        assert (tmp_path / f"{name}.secret").read_text("utf-8") == f"apiv3-{token}\n"
    assert "apiv3" not in told
    assert "warning  InfluxDB 3 Core has tokens of administrators only" in told
    before = changing(server)
    code, told = run(days=365)
    assert "found    InfluxDB 3.8.0" in told
    assert told.endswith("nothing changed\n")
    assert changing(server) == before


def test_a_database_that_keeps_for_ever_is_made_without_a_period(influxdb: Influxdb3StandIn, run: Run) -> None:
    run()
    assert influxdb.databases == {"powerunit": None}


def test_the_check_changes_nothing(server: OpenApiServer, run: Run) -> None:
    assert run("--check")[0] == 1
    run()
    before = changing(server)
    code, told = run("--check", database="another")
    assert (code, "to do    database 'another'" in told) == (1, True)
    assert changing(server) == before


def test_what_a_person_has_to_mend_is_one_line(run: Run, tmp_path: Path) -> None:
    assert "database: 'power_unit'; InfluxDB 3 takes" in run(database="power_unit")[1]
    run()
    (tmp_path / "grafana.secret").unlink()
    code, told = run()
    assert (code, "token 'grafana': there is one already" in told) == (2, True)
    (tmp_path / "grafana.secret").write_text("apiv3-of-another-server\n", "utf-8")
    code, told = run()
    assert (code, "the database does not know that token" in told) == (2, True)
    (tmp_path / "admin.secret").write_text("apiv3-guessed\n", "utf-8")
    code, told = run()
    assert (code, "the database answers 401" in told) == (2, True)
    assert "apiv3-guessed" not in told
    (tmp_path / "admin.secret").unlink()
    code, told = run()
    assert (code, "no such file, and no first token either: the database answers 401" in told) == (2, True)


@pytest.mark.parametrize(
    "document",
    [{"databases": ["powerunit"]}, [{"iox::database": "powerunit", "deleted": False}]],
    ids=["as described", "as servers are seen to answer"],
)
def test_a_database_is_found_in_either_list(document: object) -> None:
    assert "powerunit" in list(names_in(document))
