import json
import queue
import threading
from importlib import resources
from typing import Any

import jsonschema
import pytest

from gateway.commit import COMMIT_READINGS, UNIT_READINGS, Committer
from gateway.dating import Dating
from gateway.deadletters import DeadLetters
from gateway.gaps import Gaps
from gateway.journal import Journal
from gateway.ledger import Origin
from gateway.message import LARGEST_UP, StatusMessage
from gateway.receive import Delivery, Rejected
from gateway.units import Units
from tests.gateway_stand_ins import BOOT, KERNEL, UNIT, UTC_2026, RecordingDisk, ScriptedClocks, message

KEY = (UNIT, BOOT)
ACK_SCHEMA = json.loads(resources.files("gateway").joinpath("schema", "ack.schema.json").read_text("utf-8"))


class RecordingMqtt:
    """Stands in for the MQTT client: notes what is acknowledged, and how many disk operations came before."""

    def __init__(self, disk: RecordingDisk) -> None:
        self.done_with: list[int] = []
        self.acks: list[tuple[str, dict[str, Any]]] = []
        self.operations_before_ack = 0
        self._disk = disk

    def done(self, delivery: Delivery) -> None:
        self.done_with.append(delivery.mid)

    def acknowledge(self, unit: str, document: dict[str, Any]) -> bool:
        jsonschema.validate(document, ACK_SCHEMA)
        self.acks.append((unit, document))
        self.operations_before_ack = len(self._disk.operations)
        return True


class Bench:
    """A committer with everything around it that it needs."""

    def __init__(self, clocks: ScriptedClocks | None = None, trusted_utc: int | None = None) -> None:
        self.disk = RecordingDisk()
        self.clocks = clocks or ScriptedClocks()
        self.clock = self.clocks.clock(trusted_utc)
        self.journal = Journal(self.disk)
        self.dead_letters = DeadLetters(self.disk)
        self.units = Units()
        self.dating = Dating(self.clock, KERNEL)
        self.mqtt = RecordingMqtt(self.disk)
        self.committer = Committer(
            journal=self.journal,
            dead_letters=self.dead_letters,
            dating=self.dating,
            clock=self.clock,
            kernel=KERNEL,
            units=self.units,
            gaps=Gaps(),
            acknowledger=self.mqtt,
        )

    def delivery(self, seq: int, *, queued: bool = False, **changes: Any) -> Delivery:
        return Delivery(message(seq, **changes), self.clocks.boot, mid=seq + 1, connection=1, queued=queued)


def test_readings_are_stored_and_then_acknowledged() -> None:
    bench = Bench()
    bench.committer.commit([bench.delivery(0), bench.delivery(1)])
    assert bench.mqtt.acks == [(UNIT, {"boot": BOOT, "seq": 1, "beyond": [], "utc": None, "sent": 1100, "held": 0})]
    assert bench.mqtt.done_with == [1, 2]
    assert ("sync", "segment-00000001.frames") in bench.disk.operations[: bench.mqtt.operations_before_ack]
    assert bench.journal.seen(KEY).ranges() == [(0, 1)]


def test_a_duplicate_is_stored_once_and_acknowledged_again() -> None:
    bench = Bench()
    bench.committer.commit([bench.delivery(0), bench.delivery(0)])
    bench.committer.commit([bench.delivery(0)])
    assert (bench.committer.received, bench.committer.duplicates) == (1, 2)
    assert bench.journal.pending_readings == 1
    assert [ack["seq"] for _, ack in bench.mqtt.acks] == [0, 0]


def test_a_gap_holds_the_acknowledgement_back_and_what_lies_beyond_is_named() -> None:
    bench = Bench()
    bench.committer.commit([bench.delivery(seq) for seq in (0, 2, 3, 7)])
    assert bench.mqtt.acks[-1][1]["seq"] == 0
    assert bench.mqtt.acks[-1][1]["beyond"] == [[2, 3], [7, 7]]


def test_nothing_is_acknowledged_while_the_first_is_missing() -> None:
    bench = Bench()
    bench.committer.commit([bench.delivery(1)])
    assert bench.mqtt.acks[-1][1]["seq"] == -1
    assert bench.mqtt.acks[-1][1]["beyond"] == [[1, 1]]


def test_what_the_board_no_longer_holds_is_not_waited_for() -> None:
    bench = Bench()
    bench.committer.commit([bench.delivery(5, oldest=5), bench.delivery(6, oldest=5)])
    assert bench.mqtt.acks[-1][1]["seq"] == 6
    bench.committer.commit([bench.delivery(9, oldest=9)])
    assert bench.mqtt.acks[-1][1]["seq"] == 9
    bench.committer.commit([bench.delivery(6, oldest=5)])
    assert bench.mqtt.acks[-1][1]["seq"] == 9


def test_more_gaps_than_an_ack_can_name_leave_the_newest_out() -> None:
    bench = Bench()
    bench.committer.commit([bench.delivery(seq) for seq in range(1, 100, 2)])
    assert len(bench.mqtt.acks[-1][1]["beyond"]) == 32


def test_the_ack_brings_the_time_and_how_long_the_reading_was_held() -> None:
    clocks = ScriptedClocks(system=UTC_2026)
    bench = Bench(clocks, UTC_2026)
    delivery = bench.delivery(0)
    clocks.forward(1500)
    bench.committer.commit([delivery])
    assert bench.mqtt.acks[-1][1]["utc"] == UTC_2026 + 1500
    assert bench.mqtt.acks[-1][1]["held"] == 1500


def test_readings_are_dated_at_arrival_when_the_clock_is_trusted() -> None:
    bench = Bench(ScriptedClocks(system=UTC_2026), UTC_2026)
    bench.committer.commit([bench.delivery(3), bench.delivery(4, t=UTC_2026 - 5000)])
    (frame,) = bench.journal.take(newest=False, below=99, readings=99, busy=(), datable=lambda _key, _up: False)
    assert [entry.dated for entry in frame.entries] == [(UTC_2026 - 1100, "gateway"), (UTC_2026 - 5000, "device")]


def test_a_disk_that_takes_nothing_acknowledges_nothing_to_the_board() -> None:
    bench = Bench()
    bench.disk.full = True
    bench.committer.commit([bench.delivery(0)])
    assert bench.mqtt.acks == []
    assert bench.mqtt.done_with == [1]
    assert bench.committer.disk.trouble is not None
    bench.disk.full = False
    bench.committer.commit([bench.delivery(0)])
    assert [ack["seq"] for _, ack in bench.mqtt.acks] == [0]
    assert bench.committer.disk.trouble is None


def test_a_rejected_message_is_set_aside_and_the_rest_goes_on() -> None:
    bench = Bench()
    rejected = Delivery(Rejected("not JSON", "topic", b"?"), 0, mid=9, connection=1)
    bench.committer.commit([rejected, bench.delivery(0)])
    assert bench.dead_letters.count == 1
    assert bench.mqtt.done_with == [9, 1]
    assert bench.journal.pending_readings == 1


def test_a_rejected_reading_that_says_whose_it_is_is_acknowledged_once_its_dead_letter_is_on_disk() -> None:
    bench = Bench()
    rejected = Delivery(Rejected("no device", "topic", b"{}", (KEY, 1)), 0, mid=9, connection=1)
    bench.committer.commit([bench.delivery(0), rejected])
    assert bench.mqtt.acks[-1][1]["seq"] == 1
    assert 1 in Journal(RecordingDisk(bench.disk.files)).seen(KEY)


def test_a_rejected_reading_acknowledges_no_reading_below_it() -> None:
    bench = Bench()
    bench.committer.commit([Delivery(Rejected("no device", "topic", b"{}", (KEY, 5)), 0, mid=9, connection=1)])
    [(_, ack)] = bench.mqtt.acks
    assert (ack["seq"], ack["beyond"], ack["sent"]) == (-1, [[5, 5]], None)


def test_a_rejected_reading_whose_dead_letter_is_not_kept_stays_on_its_board() -> None:
    bench = Bench()
    bench.disk.full = True
    bench.committer.commit([Delivery(Rejected("no device", "topic", b"{}", (KEY, 0)), 0, mid=9, connection=1)])
    assert bench.mqtt.acks == []


def test_a_status_reaches_the_page() -> None:
    bench = Bench()
    status = StatusMessage(UNIT, online=True, boot=BOOT, firmware="1.0")
    bench.committer.commit([Delivery(status, 0, mid=3, connection=1)])
    assert bench.units.snapshot()[UNIT].online is True
    assert bench.mqtt.done_with == [3]


def test_a_reading_that_may_have_waited_at_the_broker_is_stored_and_dates_nothing() -> None:
    bench = Bench(ScriptedClocks(system=UTC_2026), UTC_2026)
    bench.committer.commit([bench.delivery(3, queued=True)])
    assert bench.journal.undated_readings() == {KEY: 1}
    assert bench.mqtt.acks[-1][1]["beyond"] == [[3, 3]]
    assert bench.mqtt.acks[-1][1]["sent"] is None
    bench.committer.commit([bench.delivery(4)])
    assert bench.dating.origin(KEY) == Origin(UTC_2026 - 4100, "late", LARGEST_UP)


def test_its_boards_own_time_is_good_and_a_boot_that_was_heard_afresh_dates_it() -> None:
    bench = Bench(ScriptedClocks(system=UTC_2026), UTC_2026)
    bench.committer.commit([bench.delivery(4)])
    bench.clocks.forward(60_000)
    bench.committer.commit([bench.delivery(3, queued=True), bench.delivery(5, queued=True, t=UTC_2026)])
    frames = bench.journal.take(newest=False, below=99, readings=99, busy=(), datable=lambda _key, _up: False)
    assert [entry.dated for frame in frames for entry in frame.entries] == [
        (UTC_2026 - 100, "gateway"),
        (UTC_2026 - 1100, "gateway"),
        (UTC_2026, "device"),
    ]


def test_a_gap_that_the_board_has_passed_is_told_as_lost_and_counted() -> None:
    bench = Bench()
    bench.committer.commit([bench.delivery(0), bench.delivery(4)])
    bench.committer.commit([bench.delivery(5, oldest=5, t=UTC_2026)])
    assert bench.committer.never_received == 3
    assert bench.journal.pending_readings == 4
    assert bench.journal.missing(KEY, 5) == []


def test_a_loss_that_the_disk_does_not_take_is_told_later() -> None:
    bench = Bench()
    bench.committer.commit([bench.delivery(0), bench.delivery(4)])
    bench.disk.full = True
    bench.committer.commit([bench.delivery(5, oldest=5)])
    assert bench.committer.never_received == 0
    bench.disk.full = False
    bench.committer.commit([bench.delivery(5, oldest=5)])
    assert bench.committer.never_received == 3


@pytest.mark.parametrize(("units", "first_group"), [(1, UNIT_READINGS), (20, COMMIT_READINGS)])
def test_a_full_group_is_committed_without_waiting(units: int, first_group: int) -> None:
    bench = Bench()
    deliveries: queue.Queue[Delivery] = queue.Queue()
    for number in range(first_group):
        reading = message(number // units, unit=f"raft-{number % units}")
        deliveries.put(Delivery(reading, bench.clocks.boot, mid=number, connection=1))
    stop = threading.Event()
    thread = threading.Thread(target=bench.committer.run, args=(deliveries, 1e6, stop))
    thread.start()
    while len(bench.mqtt.acks) < units and thread.is_alive():
        thread.join(0.01)
    stop.set()
    thread.join(10)
    assert bench.committer.received == first_group
    assert {ack["seq"] for _, ack in bench.mqtt.acks} == {first_group // units - 1}


def test_it_gets_on_while_no_unit_says_anything() -> None:
    bench, stop, signs = Bench(), threading.Event(), 0

    def gets_on() -> None:
        nonlocal signs
        signs += 1
        if signs == 3:
            stop.set()

    committing = threading.Thread(target=bench.committer.run, args=(queue.Queue(), 5.0, stop, gets_on))
    committing.start()
    committing.join(10)
    stop.set()
    committing.join()
    assert signs == 3
