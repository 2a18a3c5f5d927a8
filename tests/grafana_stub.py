"""No Grafana: a stand-in that answers the few requests of a push as Grafana's published HTTP API says.

Made from https://grafana.com/docs/grafana/v11.6/developers/http_api/ (folder, dashboard, alerting_provisioning), not
from our code. It keeps what it is sent, adds what a Grafana adds (ids, versions, defaults, its own spelling of
durations) and refuses what a Grafana refuses.
"""

import json
import re
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.http_stand_in import HttpStandIn

TOKEN = "glsa_of_the_test"
VERSION_MISMATCH = {"message": "The dashboard has been changed by someone else", "status": "version-mismatch"}


@dataclass
class GrafanaStub(HttpStandIn):
    """`changes` counts the requests that changed something. `may_write` is the right of the token's account."""

    may_write: bool = True
    folders: dict[str, dict[str, Any]] = field(default_factory=dict)
    dashboards: dict[str, dict[str, Any]] = field(default_factory=dict)
    folder_of: dict[str, str] = field(default_factory=dict)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    html: bool = False
    """Whether something that is no Grafana answers."""

    def handler(self) -> type[BaseHTTPRequestHandler]:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(None)

            def do_POST(self) -> None:
                self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            do_PUT = do_POST  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

            def _answer(self, body: Any) -> None:
                is_known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
                status, answer = stub.answer(self.command, self.path, body, is_known=is_known)
                data = b"<html>hello</html>" if stub.html else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        return Handler

    def answer(self, method: str, path: str, body: Any, *, is_known: bool) -> tuple[int, Any]:
        if not is_known:
            return 401, {"message": "Invalid API key"}
        if method != "GET" and not self.may_write:
            return 403, {"message": "You'll need additional permissions to perform this action."}
        match method, path.split("/")[1:]:
            case "GET", ["api", "folders", uid]:
                return _found(self.folders.get(uid), "folder not found")
            case "POST", ["api", "folders"]:
                self.changes.append(f"folder {body['uid']}")
                self.folders[body["uid"]] = {"id": 1, "uid": body["uid"], "title": body["title"], "version": 1}
                return 200, self.folders[body["uid"]]
            case "GET", ["api", "dashboards", "uid", uid]:
                board = self.dashboards.get(uid)
                meta = {"folderUid": self.folder_of.get(uid), "provisioned": False}
                return _found(board and {"dashboard": board, "meta": meta}, "Dashboard not found")
            case "POST", ["api", "dashboards", "db"]:
                return self._save(body)
            case "GET", ["api", "v1", "provisioning", "folder", _, "rule-groups", name]:
                return _found(self.groups.get(name), "")
            case "PUT", ["api", "v1", "provisioning", "folder", folder, "rule-groups", name]:
                return self._put_group(folder, name, body)
        return 404, {"message": "Not found"}

    def _save(self, body: Any) -> tuple[int, Any]:
        board, uid = body["dashboard"], body["dashboard"]["uid"]
        if body["folderUid"] not in self.folders:
            return 400, {"message": "folder not found", "status": "bad-request"}
        known = self.dashboards.get(uid)
        if known and not body.get("overwrite") and board.get("version") != known["version"]:
            return 412, VERSION_MISMATCH
        version = known["version"] + 1 if known else 1
        self.dashboards[uid] = board | {"id": len(self.dashboards) + 1, "version": version}
        self.folder_of[uid] = body["folderUid"]
        self.changes.append(f"dashboard {uid}")
        return 200, {"id": 1, "uid": uid, "status": "success", "version": version, "url": f"/d/{uid}", "slug": uid}

    def _put_group(self, folder: str, name: str, body: Any) -> tuple[int, Any]:
        if folder not in self.folders:
            return 400, {"message": "folder does not exist"}
        rules = [
            rule
            | {"id": number, "updated": "2026-03-01T00:00:00Z", "provenance": "api", "for": _spelled(rule["for"])}
            | {"data": [step | {"queryType": "", "model": _with_defaults(step["model"])} for step in rule["data"]]}
            for number, rule in enumerate(body["rules"], 1)
        ]
        self.groups[name] = body | {"rules": rules}
        self.changes.append(f"rules {name}")
        return 200, self.groups[name]


def _found(what: Any, message: str) -> tuple[int, Any]:
    return (200, what) if what else (404, {"message": message})


def _with_defaults(model: dict[str, Any]) -> dict[str, Any]:
    return {"intervalMs": 1000, "maxDataPoints": 43200} | model


def _spelled(duration: str) -> str:
    """Prometheus' spelling of a duration: the largest units first."""
    parts = re.fullmatch(r"(\d+)s", duration)
    assert parts
    rest, text = int(parts[1]), ""
    for unit, seconds in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, seconds)
        text += f"{count}{unit}" if count else ""
    return text or "0s"
