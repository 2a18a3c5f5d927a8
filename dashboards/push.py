"""`python -m dashboards.push`: our dashboards and alert rules, into a Grafana that somebody else runs.

GRAFANA_URL says where; GRAFANA_TOKEN, or the file that GRAFANA_TOKEN_FILE names, holds a service account's token.
It shows what changes and sends that alone, so it can be run again. Contact points and the notification policy stay the
Grafana's own: its policy is one tree for all who use it. Exit code 2 for what a person has to mend.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from grafana_api.grafana_api import GrafanaClientError, GrafanaException, GrafanaServerError
from grafana_api.grafana_face import GrafanaFace

from dashboards import difference
from dashboards.alert_model import Group, api_shape
from dashboards.alerts import alerts
from dashboards.generate import generate

T = TypeVar("T")
TIMEOUT = 30.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")
MESSAGE = "make push-dashboards"


class PushError(Exception):
    """What a person has to mend; the message is one line."""


def main(environment: Mapping[str, str] = os.environ) -> int:
    parser = argparse.ArgumentParser(prog="python -m dashboards.push", description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and change nothing")
    is_dry = parser.parse_args().dry_run
    try:
        grafana = connect(environment)
        with closing(grafana.api.s):
            Push(grafana, environment["GRAFANA_URL"], is_dry=is_dry).everything()
    except PushError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def connect(environment: Mapping[str, str]) -> GrafanaFace:
    """Raises PushError for a setting that is missing or wrong; nothing is asked yet."""
    address = urlsplit(environment.get("GRAFANA_URL", ""))
    if address.scheme not in ("http", "https") or not address.hostname:
        raise PushError("GRAFANA_URL: not an address; set it to something like https://grafana.example.org")
    if address.scheme == "http" and address.hostname not in LOOPBACK:
        raise PushError("GRAFANA_URL: over http anybody on the way reads the token; give an https address")
    if address.username or address.query or address.fragment:
        raise PushError("GRAFANA_URL: more than an address; give scheme, host, port and path only")
    path = address.path.strip("/")
    try:
        port = address.port
    except ValueError:
        raise PushError("GRAFANA_URL: no such port; give a number from 1 to 65535, or none") from None
    return GrafanaFace(
        _token(environment),
        host=f"[{address.hostname}]" if ":" in address.hostname else address.hostname,
        port=port,
        url_path_prefix=f"{path}/" if path else "",
        protocol=address.scheme,
        timeout=TIMEOUT,
    )


def _token(environment: Mapping[str, str]) -> str:
    token = environment.get("GRAFANA_TOKEN", "")
    if not token and (path := environment.get("GRAFANA_TOKEN_FILE")):
        try:
            token = Path(path).read_text("ascii").strip()
        except OSError as error:
            raise PushError(f"GRAFANA_TOKEN_FILE: {path}: {error.strerror}; name a file that you may read") from None
        except UnicodeDecodeError:
            raise PushError(f"GRAFANA_TOKEN_FILE: {path}: no token; put it alone into that file") from None
    if not token.isascii() or not token.isprintable() or not token:
        raise PushError("GRAFANA_TOKEN: not set, or no token; make a service account with the role Editor and a token")
    return token


class Push:
    """One run. Every method raises PushError; what was sent before stays, and the next run goes on from there."""

    def __init__(self, grafana: GrafanaFace, url: str, *, is_dry: bool) -> None:
        self._grafana = grafana
        self._url = url
        self._is_dry = is_dry

    def everything(self) -> None:
        """Folder, dashboards, alert rules."""
        group = alerts()
        self._folder(group)
        for name, text in generate().items():
            self._dashboard(name, json.loads(text), group)
        self._rules(group)

    def _folder(self, group: Group) -> None:
        folder = self._found(lambda: self._grafana.folder.get_folder(group.folder_uid), f"folder {group.folder!r}")
        if folder is None:
            self._tell(f"folder {group.folder!r}", ["new"])
            self._change(
                lambda: self._grafana.folder.create_folder(group.folder, group.folder_uid), f"folder {group.folder!r}"
            )

    def _dashboard(self, name: str, ours: dict[str, Any], group: Group) -> None:
        found = self._found(lambda: self._grafana.dashboard.get_dashboard(ours["uid"]), name)
        if found is None:
            changes, seen = ["new"], {}
        else:
            theirs = found["dashboard"]
            changes = difference.of_dashboard(theirs, ours)
            if found["meta"].get("folderUid") != group.folder_uid:
                changes.append(f"moved to folder {group.folder!r}")
            # The version that was looked at: Grafana refuses what would overwrite a newer one.
            seen = {key: theirs[key] for key in difference.OWN}
        self._tell(name, changes)
        if changes:
            body = {"dashboard": ours | seen, "folderUid": group.folder_uid, "message": MESSAGE, "overwrite": False}
            self._change(lambda: self._grafana.dashboard.update_dashboard(body), name)

    def _rules(self, group: Group) -> None:
        # grafana-api has no alerting of its own, but sends any request.
        path = f"/v1/provisioning/folder/{group.folder_uid}/rule-groups/{group.name}"
        name, ours = f"alert rules {group.name!r}", api_shape(group)
        theirs = self._found(lambda: self._grafana.api.GET(path), name)
        changes = ["new"] if theirs is None else difference.of_rules(theirs, ours)
        self._tell(name, changes)
        if changes:
            self._change(lambda: self._grafana.api.PUT(path, json=ours), name)

    def _tell(self, name: str, changes: list[str]) -> None:
        would = "would be " if self._is_dry and changes else ""
        print(f"{name}: {would}{'; '.join(changes) or 'unchanged'}")

    def _change(self, send: Callable[[], object], what: str) -> None:
        if not self._is_dry:
            self._asked(send, what)

    def _found(self, get: Callable[[], T], what: str) -> T | None:
        try:
            return self._asked(get, what)
        except _NotFoundError:
            return None

    def _asked(self, request: Callable[[], T], what: str) -> T:
        try:
            return request()
        except GrafanaServerError as error:
            raise PushError(f"{self._url}: {error.message}; look into Grafana's log, then run this again") from None
        except GrafanaClientError as error:
            raise self._refused(error, what) from None
        except requests.exceptions.JSONDecodeError:
            raise PushError(f"{self._url}: the answer is not Grafana's; does GRAFANA_URL lead to it?") from None
        except requests.exceptions.SSLError as error:
            raise PushError(f"{self._url}: no trusted certificate ({_cause(error)}); mend it there") from None
        except requests.exceptions.RequestException as error:
            raise PushError(f"{self._url}: out of reach ({_cause(error)}); check GRAFANA_URL and the network") from None

    def _refused(self, error: GrafanaException, what: str) -> Exception:
        match error.status_code:
            case 401:
                return PushError(f"{self._url}: the token is refused (401); make a new one and set GRAFANA_TOKEN")
            case 403:
                return PushError(
                    f"{what}: the token has no right to it (403); its service account needs the role Editor"
                )
            case 404:
                return _NotFoundError(f"{what}: {self._url} does not know it (404); is that Grafana older than 11?")
            case 412:
                return PushError(
                    f"{what}: changed by somebody else meanwhile, or its name is taken (412); look with --dry-run, "
                    "then run this again"
                )
        return PushError(f"{what}: {error.message}; Grafana 11 is what this is made for")


class _NotFoundError(PushError):
    """What was asked for is not there."""


def _cause(error: BaseException) -> str:
    return type(error.args[0] if error.args and isinstance(error.args[0], Exception) else error).__name__


if __name__ == "__main__":
    sys.exit(main())
