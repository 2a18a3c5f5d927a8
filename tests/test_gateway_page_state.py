from dataclasses import replace
from typing import Any

from gateway.budget import Budget, Limits
from gateway.forward import Forwarder
from gateway.lines import LineMaker
from gateway.message import StatusMessage
from gateway.page.state import STALE_SECONDS, Rooms, healthy, state
from gateway.receive import Receiver
from gateway.settings import BrokerSettings
from gateway.standing import Alarm
from ingest.answer import Answer, Verdict
from tests.gateway_stand_ins import BOOT, UNIT, UTC_2026, RecordingDisk, ScriptedClocks, ScriptedDatabase
from tests.test_gateway_commit import Bench


class Page:
    """The page's rooms around a committer's bench; the receiver is never connected."""

    def __init__(self) -> None:
        self.bench = Bench(ScriptedClocks(system=UTC_2026), UTC_2026)
        self.database = ScriptedDatabase()
        bench = self.bench
        lines = LineMaker("rig", lambda _key, _up: None, bench.dead_letters)
        receiver = Receiver(BrokerSettings("127.0.0.1", 1, "gateway", "secret"), lambda: 0, lambda _: None)
        forwarder = Forwarder(
            interval=30,
            journal=bench.journal,
            dead_letters=bench.dead_letters,
            writer=self.database,
            clock=bench.clock,
            lines=lines,
            freeze_origins=lambda: None,
            health=lambda utc_ms: f"gateway,site=rig backlog_readings=0i {utc_ms}",
            budget=Budget(Limits(day=10**9), RecordingDisk(), bench.clock.boottime, bench.clock.utc_ms),
        )
        self.rooms = Rooms(
            "rig",
            bench.clock,
            bench.units,
            bench.journal,
            bench.dead_letters,
            receiver,
            bench.committer,
            lines,
            forwarder,
        )

    def hear(self, seq: int, **changes: Any) -> None:
        self.bench.committer.commit([self.bench.delivery(seq, **changes)])

    def show(self) -> dict[str, Any]:
        return state(self.rooms)

    def unit(self) -> dict[str, Any]:
        unit: dict[str, Any] = self.show()["units"][0]
        return unit


def test_before_anything_is_known_nothing_is_claimed() -> None:
    shown = Page().show()
    assert shown["units"] == []
    assert shown["broker"]["trouble"] == "not connected yet"
    assert shown["database"] == {
        "trouble": "not asked yet",
        "last_forwarded": None,
        "bytes_sent_today": 0,
        "backlog_gone_in": None,
        "budget": {"day": {"spent": 0, "limit": 10**9}, "month": {"spent": 0, "limit": None}},
    }


def test_each_value_comes_with_the_time_at_which_it_was_taken() -> None:
    page = Page()
    page.hear(1)
    page.bench.clocks.forward(5000)
    (device,) = page.unit()["devices"]
    assert page.show()["now"] - device["taken"] == 5100
    assert (device["stale"], device["error"], device["board_clock"]) == (False, None, False)
    assert list(device["values"].items()) == [("pack_voltage", 52.5), ("cycles", 1)]


def test_a_value_that_the_newest_reading_lacks_keeps_its_own_time() -> None:
    page = Page()
    page.hear(1)
    page.bench.clocks.forward(10_000)
    page.hear(2, signals={"pack_voltage": 52.4}, error="bms1 (jk_pb, address 2): no answer")
    (device,) = page.unit()["devices"]
    assert device["values"] == {"pack_voltage": 52.4}
    assert device["earlier"] == {"cycles": [1, device["taken"] - 10_000]}


def test_a_unit_of_which_nothing_came_is_told_in_the_same_words() -> None:
    page = Page()
    page.hear(1)
    before = page.unit()
    page.bench.clocks.forward(5000)
    assert page.unit() == before


def test_a_device_that_falls_silent_is_stale_and_no_longer_wired() -> None:
    page = Page()
    page.hear(1)
    assert page.unit()["wired"] is True
    page.bench.clocks.forward(STALE_SECONDS * 1000)
    assert page.unit()["wired"] is False
    assert page.unit()["devices"][0]["stale"] is True


def test_a_bus_error_says_what_is_not_wired() -> None:
    page = Page()
    page.hear(1, signals={}, error="bms1 (jk_pb, address 2): no answer")
    assert page.unit()["wired"] is False
    assert page.unit()["devices"][0]["error"] == "bms1 (jk_pb, address 2): no answer"


def test_a_signal_that_the_catalogue_does_not_know_is_not_shown() -> None:
    page = Page()
    page.hear(1, signals={"pack_voltage": 52.5, "colour": "red"})
    assert page.unit()["devices"][0]["values"] == {"pack_voltage": 52.5}


def test_alarms_say_whose_they_are_and_whether_somebody_has_seen_them() -> None:
    page = Page()
    page.rooms = replace(page.rooms, alarms=lambda: {(UNIT, "bms1", "soc_low"): Alarm(UTC_2026, 19.0, "19 %", True)})
    assert page.show()["alarms"] == [
        {
            "unit": UNIT,
            "device": "bms1",
            "name": "soc_low",
            "since": UTC_2026,
            "value": 19.0,
            "text": "19 %",
            "acknowledged": True,
        }
    ]


def test_stored_and_sent_have_ages_and_the_backlog_a_count() -> None:
    page = Page()
    page.hear(1, t=UTC_2026 - 10_000)
    page.bench.clocks.forward(2000)
    shown = page.show()
    assert shown["now"] - shown["units"][0]["acknowledged"] == 2000
    assert (shown["journal"]["backlog_readings"], shown["journal"]["backlog_age"]) == (1, 12.0)
    page.rooms.forwarder.step()
    page.bench.clocks.forward(3000)
    shown = page.show()
    assert shown["journal"]["backlog_readings"] == 0
    assert (shown["database"]["last_forwarded"], shown["database"]["trouble"]) == (3.0, None)


def test_a_database_that_does_not_let_us_in_is_named() -> None:
    page = Page()
    page.database.judge = lambda _lines: Answer(Verdict.UNAUTHORIZED, "HTTP 401: authorization failed")
    page.hear(1)
    page.rooms.forwarder.step()
    assert "401" in page.show()["database"]["trouble"]


def test_a_database_that_refuses_line_after_line_is_named_though_it_answers() -> None:
    page = Page()
    page.database.judge = lambda _lines: Answer(Verdict.REFUSED, "HTTP 400: field type conflict")
    for seq in range(50):
        page.hear(seq)
    for _ in range(150):
        page.rooms.forwarder.step()
    assert "field type conflict" in page.show()["database"]["trouble"]


def test_a_disk_in_trouble_is_not_healthy() -> None:
    page = Page()
    assert healthy(page.rooms)
    page.bench.disk.full = True
    page.hear(1)
    assert not healthy(page.rooms)
    assert "No space" in page.show()["journal"]["trouble"]


def test_a_unit_that_has_only_said_hello_is_there_with_nothing_known() -> None:
    page = Page()
    page.bench.units.status(StatusMessage(UNIT, online=True, boot=BOOT, firmware=None))
    unit = page.unit()
    assert (unit["online"], unit["wired"], unit["acknowledged"], unit["devices"]) == (True, None, None, [])
