"""A stand-in for a server whose API is published: it lets through only requests and answers that its OpenAPI
description allows. It is made from the description and knows nothing of who asks. What it answers, the test says.

Stricter than OpenAPI: a body or query may hold nothing that the description does not name.
"""

import json
import re
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from jsonschema import Draft202012Validator

from tests.http_stand_in import DEADLINE, HttpStandIn


class Request(NamedTuple):
    """One that the description allows; `operation` is its operationId there."""

    operation: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    authorization: str
    body: Any


class Reply(NamedTuple):
    """An answer; a `body` of None is an empty one."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = {}


class OpenApiServer(HttpStandIn):
    """Asks `answer` about each request that the description allows. `wrong` holds what was against it, whoever did it;
    `requests` what came, in order.
    """

    def __init__(self, description: Path, answer: Callable[[Request], Reply]) -> None:
        self.wrong: list[str] = []
        self.requests: list[Request] = []
        self._description = json.loads(description.read_text("utf-8"))
        self._answer = answer

    def handler(self) -> type[BaseHTTPRequestHandler]:
        return _handler(self._reply)

    def _reply(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        try:
            operation, request = self._request(method, target, headers, body)
            self.requests.append(request)
            reply = self._answer(request)
            self._check_reply(operation, request, reply)
        except ValueError as error:
            self.wrong.append(f"{method} {target}: {error}")
            return Reply(400, {"code": "invalid", "message": str(error)})
        return reply

    def _request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[dict[str, Any], Request]:
        parts = urlsplit(target)
        operation, path = self._operation(method, parts.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        known = {one["name"]: one for one in operation.get("parameters", ()) if one["in"] == "query"}
        for name, value in query.items():
            if name not in known:
                raise ValueError(f"there is no query parameter {name!r}")
            self._fit(_read(value, known[name]["schema"]), known[name]["schema"], f"query parameter {name!r}")
        for name, one in known.items():
            if one.get("required") and name not in query:
                raise ValueError(f"query parameter {name!r} is missing")
        document = self._body(operation, headers, body)
        return operation, Request(operation["operationId"], path, query, headers.get("Authorization", ""), document)

    def _operation(self, method: str, path: str) -> tuple[dict[str, Any], dict[str, str]]:
        [default] = self._description["servers"]
        for template, operations in self._description["paths"].items():
            operation = operations.get(method.lower())
            if operation is None:
                continue
            [server] = operation.get("servers", [default])
            pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(server["url"] + template))
            if found := re.fullmatch(pattern, path):
                return operation, found.groupdict()
        raise ValueError("there is no such path with that method")

    def _body(self, operation: dict[str, Any], headers: Mapping[str, str], body: bytes) -> Any:
        wanted = operation.get("requestBody")
        if wanted is None or not body:
            if body or (wanted or {}).get("required"):
                raise ValueError("a body, and none is described" if body else "the body is missing")
            return None
        kind = headers.get("Content-Type", "").split(";")[0]
        if kind not in wanted["content"]:
            raise ValueError(f"a body of {kind!r} is not described")
        document = json.loads(body)
        self._fit(document, wanted["content"][kind]["schema"], "body")
        return document

    def _check_reply(self, operation: dict[str, Any], request: Request, reply: Reply) -> None:
        responses = operation["responses"]
        described = responses.get(str(reply.status), responses.get("default"))
        if described is None:
            raise ValueError(f"the stand-in answers {reply.status} to {request.operation}, which is not described")
        if reply.body is not None:
            schema = described["content"]["application/json"]["schema"]
            self._fit(reply.body, schema, f"the stand-in's answer to {request.operation}")

    def _fit(self, value: Any, schema: dict[str, Any], what: str) -> None:
        whole = _strict(schema) | {"components": _strict(self._description["components"])}
        errors = [
            f"{what}: {error.json_path}: {error.message}" for error in Draft202012Validator(whole).iter_errors(value)
        ]
        if errors:
            raise ValueError("; ".join(errors))


def _strict(schema: Any) -> Any:
    """With nothing allowed that is not named, in the form of JSON Schema."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: _strict(value) for key, value in schema.items()}
    if "allOf" in schema or ("properties" in schema and schema.get("type") == "object"):
        strict["unevaluatedProperties"] = False
    for part in strict.get("allOf", ()):
        part.pop("unevaluatedProperties", None)  # the whole says what is allowed
    if strict.pop("nullable", False):
        strict = {"anyOf": [strict, {"type": "null"}]}
    return strict


def _read(text: str, schema: Mapping[str, Any]) -> Any:
    """As its type would be written in JSON."""
    return (
        json.loads(text)
        if schema.get("type") in ("integer", "boolean") and re.fullmatch(r"\d+|true|false", text)
        else text
    )


def _handler(reply: Callable[[str, str, Mapping[str, str], bytes], Reply]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = DEADLINE

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer = reply(self.command, self.path, self.headers, body)  # type: ignore[arg-type]
            content = b"" if answer.body is None else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if content:
                self.send_header("Content-Type", "application/json")
            if answer.status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _do  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nothing: a test says itself what went wrong."""

    return Handler
