"""The requests to an InfluxDB 2.x, held against its published description; no InfluxDB 2.x can be had here."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.openapi_server import OpenApiServer, Reply, Request
from tests.setup_run import set_up

DESCRIPTION = Path(__file__).parent / "openapi" / "influxdb2.json"
ORG_ID, OPERATOR = "0123456789abcdef", "operator-token"


class Influxdb2StandIn:
    """No InfluxDB: it keeps what it is told, as the description says that an InfluxDB 2.x does."""

    def __init__(self) -> None:
        self.orgs = [{"id": ORG_ID, "name": "trial"}]
        self.buckets: list[dict[str, Any]] = []
        self.mappings: list[dict[str, Any]] = []
        self.tokens: list[dict[str, Any]] = []

    def __call__(self, request: Request) -> Reply:
        if request.operation == "GetPing":
            return Reply(204, headers={"X-Influxdb-Version": "v2.7.12", "X-Influxdb-Build": "OSS"})
        if request.authorization != f"Token {OPERATOR}":
            return Reply(401, {"code": "unauthorized", "message": "unauthorized access"})
        answer: Reply = getattr(self, f"_{request.operation}")(request)
        return answer

    def _GetOrgs(self, request: Request) -> Reply:  # noqa: N802
        found = [org for org in self.orgs if org["name"] == request.query["org"]]
        if not found:
            return Reply(404, {"code": "not found", "message": "organization name not found"})
        return Reply(200, {"orgs": found})

    def _GetBuckets(self, request: Request) -> Reply:  # noqa: N802
        wanted = request.query["name"]
        return Reply(200, {"buckets": [bucket for bucket in self.buckets if bucket["name"] == wanted]})

    def _PostBuckets(self, request: Request) -> Reply:  # noqa: N802
        self.buckets.append(request.body | {"id": "00000000000000b1"})
        return Reply(201, self.buckets[-1])

    def _PatchBucketsID(self, request: Request) -> Reply:  # noqa: N802
        [bucket] = [bucket for bucket in self.buckets if bucket["id"] == request.path["bucketID"]]
        # For ever is what no rule says.
        rules = [{"type": "expire"} | rule for rule in request.body["retentionRules"] if rule["everySeconds"]]
        bucket["retentionRules"] = rules
        return Reply(200, bucket)

    def _GetDBRPs(self, request: Request) -> Reply:  # noqa: N802
        return Reply(200, {"content": [one for one in self.mappings if one["database"] == request.query["db"]]})

    def _PostDBRP(self, request: Request) -> Reply:  # noqa: N802
        self.mappings.append(request.body | {"id": "00000000000000d1"})
        return Reply(201, self.mappings[-1])

    def _GetAuthorizations(self, _request: Request) -> Reply:  # noqa: N802
        return Reply(200, {"authorizations": self.tokens})

    def _PostAuthorizations(self, request: Request) -> Reply:  # noqa: N802
        number = len(self.tokens)
        self.tokens.append({"status": "active"} | request.body | {"id": f"a{number}", "token": f"token-{number}"})
        return Reply(201, self.tokens[-1])


@pytest.fixture
def influxdb() -> Influxdb2StandIn:
    return Influxdb2StandIn()


@pytest.fixture
def server(influxdb: Influxdb2StandIn) -> Iterator[OpenApiServer]:
    with OpenApiServer(DESCRIPTION, influxdb) as started:
        yield started
        assert started.wrong == []


Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(server: OpenApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    (tmp_path / "admin.secret").write_text(f"{OPERATOR}\n", "utf-8")

    def prepared(*flags: str, days: int = 0, org: str = 'org = "trial"\n') -> tuple[int, str]:
        return set_up(tmp_path, capsys, server.url, *flags, days=days, more=org)

    return prepared


def changing(server: OpenApiServer) -> list[str]:
    return [request.operation for request in server.requests if not request.operation.startswith("Get")]


def test_bucket_mapping_and_two_tokens_are_made(
    server: OpenApiServer, influxdb: Influxdb2StandIn, run: Run, tmp_path: Path
) -> None:
    code, told = run(days=365)
    assert code == 0, told
    assert "found    InfluxDB 2.7.12" in told
    assert changing(server) == ["PostBuckets", "PostDBRP", "PostAuthorizations", "PostAuthorizations"]
    [bucket] = influxdb.buckets
    assert bucket["retentionRules"] == [{"type": "expire", "everySeconds": 365 * 86_400}]
    [mapping] = influxdb.mappings
    assert (mapping["database"], mapping["bucketID"], mapping["default"]) == ("powerunit", bucket["id"], True)
    rights = {
        token["description"]: [(one["action"], one["resource"]) for one in token["permissions"]]
        for token in influxdb.tokens
    }
    resource = {"type": "buckets", "id": bucket["id"], "orgID": ORG_ID}
    assert rights == {"gateway": [("write", resource)], "grafana": [("read", resource)]}
    assert [(tmp_path / f"{name}.secret").read_text("utf-8") for name in rights] == ["token-0\n", "token-1\n"]
    assert "token-0" not in told
    assert OPERATOR not in told


def test_a_second_run_changes_nothing(server: OpenApiServer, run: Run) -> None:
    run(days=365)
    before = changing(server)
    assert run(days=365)[1].endswith("nothing changed\n")
    assert changing(server) == before


def test_a_bucket_that_keeps_for_ever_has_no_rule(influxdb: Influxdb2StandIn, run: Run) -> None:
    run()
    assert influxdb.buckets[0]["retentionRules"] == []
    assert run()[1].endswith("nothing changed\n")


@pytest.mark.parametrize(("before", "after"), [(0, 365), (365, 0), (365, 400)])
def test_a_changed_retention_is_changed_once(server: OpenApiServer, run: Run, before: int, after: int) -> None:
    run(days=before)
    server.requests.clear()
    code, told = run(days=after)
    assert code == 0
    assert changing(server) == ["PatchBucketsID"]
    assert told.endswith("one thing changed\n")
    assert run(days=after)[1].endswith("nothing changed\n")


def test_the_mapping_that_the_server_made_by_itself_will_do(
    server: OpenApiServer, influxdb: Influxdb2StandIn, run: Run
) -> None:
    run()
    influxdb.mappings = [influxdb.mappings[0] | {"virtual": True}]
    server.requests.clear()
    run()
    assert changing(server) == []


def test_a_token_of_another_bucket_or_without_a_file_is_made_anew(
    influxdb: Influxdb2StandIn, run: Run, tmp_path: Path
) -> None:
    run()
    influxdb.tokens[0]["permissions"][0]["resource"]["id"] = "00000000000000ff"
    (tmp_path / "grafana.secret").unlink()
    assert run()[1].endswith("2 things changed\n")
    assert (tmp_path / "gateway.secret").read_text("utf-8") == "token-2\n"
    assert (tmp_path / "grafana.secret").read_text("utf-8") == "token-3\n"


def test_the_check_changes_nothing(server: OpenApiServer, run: Run) -> None:
    code, told = run("--check")
    assert (code, "to do    bucket 'powerunit'" in told) == (1, True)
    assert changing(server) == []


def test_what_a_person_has_to_mend_is_one_line(run: Run, tmp_path: Path) -> None:
    assert run(org="")[1].endswith("org: missing; InfluxDB 2.x keeps buckets in an organization, give its name\n")
    code, told = run(org='org = "nowhere"\n')
    assert code == 2
    assert "organization 'nowhere': the database answers 404" in told
    (tmp_path / "admin.secret").write_text("wrong-token\n", "utf-8")
    code, told = run()
    assert code == 2
    assert "the database answers 401" in told
    assert "wrong-token" not in told
    (tmp_path / "admin.secret").unlink()
    assert "run influx setup" in run()[1]
