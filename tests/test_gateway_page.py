import json
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from gateway.page.app import BODY_BYTES, FILES, HEADERS, make_app
from gateway.page.doors import Bucket, Doors, Loss, Source
from gateway.page.pin import Pin

NOW = 1_795_000_000_000
PIN = "471108"
ALARM = ("raft-01", "bms1", "soc_low")
OWN = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}


class ScriptedHistory:
    """Stands in for the journal: one bucket of each signal, and one loss, or an error of the disk."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.error: OSError | None = None

    def series(
        self, source: Source, signals: Sequence[str], since: int, until: int, points: int
    ) -> dict[str, list[Bucket]]:
        self.asked.append((*source, since, until, points))
        if self.error is not None:
            raise self.error
        return {signals[0]: [Bucket(since, 1.0, 2.0, 3.0)]}

    def losses(self, _since: int, until: int, _most: int) -> list[Loss]:
        return [Loss("raft-01", until - 1000, 5, 50.0, "spool_full")]


def doors(**changes: Any) -> Doors:
    rooms: dict[str, Any] = {
        "state": lambda: {"site": "Cát Bà"},
        "healthy": lambda: True,
        "metrics": lambda: b"up 1\n",
        "utc_ms": lambda: NOW,
        "history": ScriptedHistory(),
        "pin": Pin(PIN, lambda: 0),
        "acknowledge": lambda *alarm: alarm == ALARM,
        "export": lambda: True,
    }
    return Doors(**rooms | changes)


def client(**changes: Any) -> TestClient:
    return TestClient(make_app(doors(**changes)))


def act(client: TestClient, path: str = "/acknowledge", headers: Any = OWN, **said: Any) -> httpx2.Response:
    return client.post(
        path, json={"pin": PIN, **dict(zip(("unit", "device", "name"), ALARM, strict=True))} | said, headers=headers
    )


@pytest.mark.parametrize("path", [*FILES, "/state.json", "/signals.json", "/losses.json", "/healthz", "/metrics"])
def test_everything_is_served_with_the_headers_that_shut_others_out(path: str) -> None:
    response = client().get(path)
    assert response.status_code == 200
    assert {name: response.headers[name] for name in HEADERS} == HEADERS
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert client().head(path).status_code == 200


def test_the_files_have_their_types() -> None:
    types = {path: client().get(path).headers["content-type"].split(";")[0] for path in FILES}
    assert (types["/"], types["/page.css"], types["/page.js"]) == ("text/html", "text/css", "text/javascript")


@pytest.mark.parametrize("path", ["/../settings.py", "/..%2fsettings.py", "/app.py", "/page.css/", "//etc/passwd"])
def test_no_other_file_is_served(path: str) -> None:
    assert client().get(path, follow_redirects=False).status_code in (307, 404)
    assert client().get(path).text in ("Not Found", client().get("/page.css").text)


def test_the_state_is_json_and_the_signals_have_their_units() -> None:
    assert client().get("/state.json").json() == {"site": "Cát Bà"}
    assert client().get("/signals.json").json()["bms"]["pack_voltage"] == "V"


@pytest.mark.parametrize(("healthy", "status"), [(True, 200), (False, 503)])
def test_health_is_a_status(*, healthy: bool, status: int) -> None:
    assert client(healthy=lambda: healthy).get("/healthz").status_code == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_what_is_shown_is_read_only(method: str) -> None:
    assert client().request(method, "/state.json").status_code == 405


def test_the_page_needs_nothing_from_outside() -> None:
    for name, _ in FILES.values():
        text = resources.files("gateway.page").joinpath(name).read_text("utf-8")
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(", text), name


def test_the_page_is_small() -> None:
    assert sum(len(client().get(path).content) for path in FILES) < 100_000


def test_the_history_is_asked_by_whole_buckets_and_again_only_when_it_may_differ() -> None:
    history, now = ScriptedHistory(), [NOW]
    page = client(history=history, utc_ms=lambda: now[0])
    path = "/history.json?unit=raft-01&device=bms1&measurement=bms&span=24h"
    told = page.get(path).json()
    assert told["until"] % 600_000 == 0
    assert (told["until"] - told["since"], told["bucket"]) == (86_400_000, 600_000)
    assert told["series"] == {"soc": [[told["since"], 1.0, 2.0, 3.0]]}
    page.get(path)
    assert history.asked == [("raft-01", "bms1", "bms", told["since"], told["until"], 144)]
    now[0] += 300_000
    page.get(path)
    assert len(history.asked) == 2


@pytest.mark.parametrize("query", ["", "measurement=unit&span=24h", "measurement=bms&span=1y"])
def test_a_history_that_is_not_drawn_is_refused(query: str) -> None:
    response = client().get(f"/history.json?{query}")
    assert (response.status_code, "give one of bms" in response.json()["error"]) == (400, True)


def test_a_disk_that_cannot_be_read_costs_the_charts_only() -> None:
    history = ScriptedHistory()
    history.error = OSError(5, "Input/output error")
    page = client(history=history)
    response = page.get("/history.json?unit=u&device=d&measurement=bms&span=7d")
    assert (response.status_code, response.json()) == (503, {"error": "Input/output error"})
    assert page.get("/state.json").status_code == 200


def test_while_the_time_is_not_known_there_is_no_history() -> None:
    page = client(utc_ms=lambda: None)
    assert page.get("/history.json?unit=u&device=d&measurement=bms&span=7d").json() is None
    assert page.get("/losses.json").json() is None


def test_losses_are_told() -> None:
    (loss,) = client().get("/losses.json").json()
    assert loss == {"unit": "raft-01", "time_ms": NOW - 1000, "readings": 5, "duration": 50.0, "reason": "spool_full"}


def test_with_the_pin_an_alarm_is_acknowledged_and_an_export_begins() -> None:
    page = client()
    assert act(page).status_code == 200
    assert act(page, name="another").status_code == 404
    assert act(page, name=["soc_low"]).status_code == 404
    assert act(page, "/export").status_code == 202
    assert act(client(export=lambda: False), "/export").status_code == 409
    assert act(client(export=None), "/export").status_code == 404


@pytest.mark.parametrize("pin", ["", "471109", 471108, None, ["471108"]])
def test_without_the_pin_nothing_is_done(pin: object) -> None:
    done: list[tuple[str, ...]] = []

    def acknowledge(*alarm: str) -> bool:
        done.append(alarm)
        return True

    page = client(acknowledge=acknowledge)
    assert act(page, pin=pin).status_code == 403
    assert done == []


def test_after_wrong_pins_the_wait_is_told_and_the_right_one_is_not_heard() -> None:
    page = client()
    assert [act(page, pin="000000").json()["wait"] for _ in range(3)] == [0, 0, 2]
    refused = act(page)
    assert (refused.status_code, refused.json()["wait"]) == (429, 2)


def test_where_no_pin_is_set_there_are_no_actions() -> None:
    assert act(client(pin=None)).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://testserver", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://testserver.evil.example"},
    ],
)
def test_another_site_cannot_act_through_a_visitors_browser(headers: dict[str, str]) -> None:
    assert act(client(), headers=headers).status_code == 403


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 1000, b"\xff", b'{"pin": "' + b"4" * BODY_BYTES + b'"}'])
def test_a_body_that_is_none_is_refused_before_the_pin_is_looked_at(body: bytes) -> None:
    headers = OWN | {"Content-Type": "application/json"}
    assert client().post("/acknowledge", content=body, headers=headers).status_code == 400


def test_a_form_of_another_page_is_refused() -> None:
    body = json.dumps({"pin": PIN})
    assert client().post("/acknowledge", content=body, headers=OWN).status_code == 400
