"""That the stand-in really refuses what the published description does not allow."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from tests.openapi_server import OpenApiServer, Reply, Request

DESCRIPTIONS = Path(__file__).parent / "openapi"
GOOD_TOKEN = {
    "orgID": "o",
    "description": "gateway",
    "permissions": [{"action": "write", "resource": {"type": "buckets", "id": "b", "orgID": "o"}}],
}


@pytest.fixture
def server() -> Iterator[OpenApiServer]:
    def answer(request: Request) -> Reply:
        return Reply(204) if request.operation == "GetPing" else Reply(201, GOOD_TOKEN | {"token": "t", "id": "a"})

    with OpenApiServer(DESCRIPTIONS / "influxdb2.json", answer) as started:
        yield started


def ask(server: OpenApiServer, method: str, target: str, document: object = None) -> int:
    body = None if document is None else json.dumps(document).encode()
    headers = {} if document is None else {"Content-Type": "application/json"}
    with urllib3.PoolManager(retries=False) as pool:
        return pool.request(method, server.url + target, body=body, headers=headers).status


def test_what_is_described_goes_through(server: OpenApiServer) -> None:
    assert ask(server, "GET", "/ping") == 204
    assert ask(server, "POST", "/api/v2/authorizations", GOOD_TOKEN) == 201
    assert server.wrong == []
    assert [request.operation for request in server.requests] == ["GetPing", "PostAuthorizations"]


@pytest.mark.parametrize(
    ("method", "target", "document", "why"),
    [
        ("GET", "/api/v2/bucket", None, "no such path"),
        ("PUT", "/api/v2/buckets/b", {"name": "n"}, "no such path"),
        ("GET", "/api/v2/buckets?org_id=o", None, "no query parameter 'org_id'"),
        ("GET", "/api/v2/buckets?limit=1000", None, "query parameter 'limit'"),
        ("GET", "/api/v2/dbrps?default=yes", None, "query parameter 'default'"),
        ("POST", "/api/v2/authorizations", None, "the body is missing"),
        ("POST", "/api/v2/authorizations", {"orgID": "o"}, "'permissions' is a required property"),
        ("POST", "/api/v2/authorizations", GOOD_TOKEN | {"permissions": []}, "[] should be non-empty"),
        ("POST", "/api/v2/authorizations", GOOD_TOKEN | {"name": "gateway"}, "'name' was unexpected"),
        (
            "POST",
            "/api/v2/authorizations",
            GOOD_TOKEN | {"permissions": [{"action": "append", "resource": {"type": "buckets"}}]},
            "'append' is not one of",
        ),
        (
            "POST",
            "/api/v2/buckets",
            {"orgID": "o", "name": "n", "retentionRules": [{"type": "expire", "everySeconds": 0}]},
            "0 is less than the minimum of 1",
        ),
    ],
)
def test_what_is_not_described_is_refused_with_the_reason(
    server: OpenApiServer, method: str, target: str, document: object, why: str
) -> None:
    assert ask(server, method, target, document) == 400
    [wrong] = server.wrong
    assert why in wrong


def test_an_answer_that_is_not_described_is_refused_too() -> None:
    replies = [Reply(204), Reply(200, {"orgs": [{"id": 7, "name": "trial"}]}), Reply(302)]
    with OpenApiServer(DESCRIPTIONS / "influxdb2.json", lambda _request: replies.pop(0)) as server:
        assert [ask(server, "GET", target) for target in ("/ping", "/api/v2/orgs", "/ping")] == [204, 400, 400]
        assert ["7 is not of type 'string'" in server.wrong[0], "answers 302" in server.wrong[1]] == [True, True]
