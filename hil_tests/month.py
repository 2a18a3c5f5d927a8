"""A month of two units in a real InfluxDB, as the gateway would have written it.

Measured by the rig's model once a minute, not by devices on a bus. Lines, losses and events are made by the product's
own code, roll-ups by the gateway's `RollUps`, hour by hour as time goes by.
Some of it is not well, on purpose: see `Month`.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count

from gateway.entry import Entry, StoredFrame
from gateway.event import event
from gateway.loss import Lost, Reason
from gateway.message import ReadingMessage
from gateway.past import Past
from gateway.priority import Priority, slowest
from gateway.rollup import SETTLED_MS, RollUps
from gateway.settings import DAY_BEGINS
from gateway.summary import HOUR_MS, LONGEST_GAP_MS
from hil_tests.model import PowerUnit
from hil_tests.services import InfluxDB
from hil_tests.truth import bms_truth, controller_truth
from ingest.answer import Verdict
from ingest.database import Influxdb1Settings
from ingest.points import health_line, reading_line
from ingest.reading import Reading, TimeQuality, Value
from ingest.writer import Writer, open_writer

DAY_MS = 24 * HOUR_MS
HEALTH_MS = 600_000
"""Board, bus and gateway tell of themselves so often: on the real ones it is every minute."""

BOOT, KERNEL = "0a1b2c3d4e5f6071", "kernel-of-the-rig"
BATCH = 5000
MODELS = {"bms1": "jk_pb", "mppt1": "epever_tracer", "board": "esp32"}
WORN = 0.5
"""What is left of the first unit's cells: so little is run down deep enough to show its capacity."""

MEASURED = {"bms1": "bms", "mppt1": "charge_controller"}


@dataclass(frozen=True, slots=True)
class Month:
    """What was written. Times in UTC ms.

    The last of `units` took nothing during `night`; of the first one, readings were given up in the hour that begins at
    each of `losses`, and one reading, at `late`, was dated afterwards. `open_alarm` still stands at the `end`.
    """

    database: InfluxDB
    site: str
    units: tuple[str, ...]
    start: int
    end: int
    night: tuple[int, int]
    losses: dict[int, Reason]
    late: int
    open_alarm: str = "soc_low"


def write_month(
    database: InfluxDB,
    *,
    days: int = 30,
    units: tuple[str, ...] = ("raft-01", "raft-02"),
    site: str = "cat-ba",
    end: float,
    period: float = 60.0,
) -> Month:
    """Writes `days` until `end` (UTC s), a reading of each device every `period` seconds. It takes some 20 s."""
    last = int(end) * 1000 // HOUR_MS * HOUR_MS
    start = last - days * DAY_MS
    evening = (start // DAY_MS + days // 2) * DAY_MS + 12 * HOUR_MS  # 19:00 in the village
    losses: dict[int, Reason] = {start + days // 3 * DAY_MS: "journal_thinned", start + 5 * HOUR_MS: "never_received"}
    month = Month(database, site, units, start, last, (evening, evening + 9 * HOUR_MS), losses, start + 20 * HOUR_MS)
    with closing(open_writer(Influxdb1Settings(database.url, database.database))) as writer:
        told = _Told(writer)
        for unit in units:
            _write_unit(month, unit, round(period * 1000), told)
        _write_gateway(month, told)
        told.flush()
    return month


class _Told:
    """Lines on their way into the database."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._lines: list[str] = []

    def add(self, *lines: str) -> None:
        self._lines += lines
        if len(self._lines) >= BATCH:
            self.flush()

    def flush(self) -> None:
        answer = self._writer.write(self._lines, level=1)
        assert answer.verdict is Verdict.WRITTEN, answer.reason
        self._lines = []


class _Recent(Past):
    """Stands in for the journal's past: all points, and of the readings those that the next roll-up may be made of."""

    def __init__(self) -> None:
        self._frames: list[StoredFrame] = []
        self._number = 0

    def whole(self, start: int, end: int) -> bool:
        return start < end

    def add(self, entries: Sequence[Entry]) -> None:
        if entries:
            self._number += 1
            self._frames.append(StoredFrame(self._number, tuple(entries), None))

    def forget(self, before: int) -> None:
        self._frames = [frame for frame in self._frames if _is_summary(frame) or _time(frame.entries[-1]) >= before]

    def between(
        self, start: int, end: int, least: Priority = Priority.READING, unit: str | None = None
    ) -> Iterator[StoredFrame]:
        for frame in self._frames:
            if least < Priority.READING and not _is_summary(frame):
                continue
            if _time(frame.entries[0]) < end and _time(frame.entries[-1]) >= start and unit in (None, _unit(frame)):
                yield frame


def _is_summary(frame: StoredFrame) -> bool:
    return slowest(entry.reading.measurement for entry in frame.entries) < Priority.READING


def _time(entry: Entry) -> int:
    assert entry.dated
    return entry.dated[0]


def _unit(frame: StoredFrame) -> str:
    return frame.entries[0].reading.unit


def _write_unit(month: Month, unit: str, period: int, told: _Told) -> None:
    past = _Recent()
    roll_ups = RollUps(past, lambda _key, _up: None, KERNEL, DAY_BEGINS)
    raft = _Raft(month, unit)
    for hour in range(month.start, month.end + HOUR_MS, HOUR_MS):
        entries = [entry for t in range(hour, min(hour + HOUR_MS, month.end), period) for entry in raft.polled(t)]
        if hour in month.losses and unit == month.units[0]:
            entries = _given_up(entries, month.losses[hour])
        past.add(entries)
        roll_ups.heard(entries, hour)
        told.add(*(_line(month.site, entry) for entry in entries))
        utc = hour + HOUR_MS + LONGEST_GAP_MS
        while (work := roll_ups.due(utc, hour + SETTLED_MS)) is not None:
            points = roll_ups.make(work)
            past.add(points)
            roll_ups.made(work)
            told.add(*(_line(month.site, point) for point in points))
        past.forget(hour - HOUR_MS)


class _Raft:
    """The unit by its model, read at one time after the other."""

    def __init__(self, month: Month, unit: str) -> None:
        self._month = month
        self._unit = unit
        self._model = PowerUnit(month.units.index(unit) + 1, month.start / 1000, step=60.0)
        self._seq = count()
        self._is_last = unit == month.units[-1]
        if unit == month.units[0]:
            for cell in self._model.battery.cells:
                cell.capacity, cell.charge = cell.capacity * WORN, cell.charge * WORN

    def polled(self, t: int) -> Iterator[Entry]:
        """What the board took at `t`, UTC in ms, and what the gateway made of it at once."""
        month = self._month
        moment = self._model.at(t / 1000)
        if self._is_away(t):
            return
        minute = (t - month.start) // 60_000
        silent = minute % 1000 == 7
        for device, measurement in MEASURED.items():
            truth = bms_truth(moment.bms) if measurement == "bms" else controller_truth(moment.controller)
            error = f"{device} ({MODELS[device]}): no answer in 350 ms, 3 tries" if silent else None
            yield self._entry(t, device, {} if silent else dict(truth), error, measurement)
        if (t - month.start) % HEALTH_MS == 0:
            yield from self._health(t)
            yield from self._events(t)

    def _is_away(self, t: int) -> bool:
        return self._is_last and self._month.night[0] <= t < self._month.night[1]

    def _health(self, t: int) -> Iterator[Entry]:
        minute = (t - self._month.start) // 60_000
        board: dict[str, Value] = {
            "uptime": minute * 60.0,
            "heap_free": 80_000,
            "reset_cause": "power_on",
            "starts": 1,
            "loop_stall": 0.04,
            "spool_readings": 4,
            "readings_lost": 0,
            "wifi_rssi": -61,
        }
        yield self._entry(t, "board", board)
        for device in MEASURED:
            bus: dict[str, Value] = {"bus_state": "online", "bus_requests": 3 * minute, "bus_latency": 0.08}
            never = ("bus_errors_foreign", "bus_errors_refused", "bus_errors_busy", "bus_errors_failed")
            bus |= dict.fromkeys(never, 0)
            bus |= {"bus_errors_silence": minute // 1000 * 3, "bus_errors_noise": minute // 400, "bus_latency_max": 0.2}
            yield self._entry(t, device, bus)

    def _events(self, t: int) -> Iterator[Entry]:
        """One alarm a day that comes and goes within an hour, if the unit is there; the last unit's last one stays."""
        since = (t - self._month.start) % DAY_MS
        first, last = since == 20 * HOUR_MS, since == 21 * HOUR_MS
        stays = self._is_last and t > self._month.end - DAY_MS
        other = t + HOUR_MS if first else t - HOUR_MS
        if (first or (last and not stays)) and not self._is_away(other):
            bms = self._entry(t, "bms1", {})
            text = f"state of charge {'below 20 %' if first else 'above 30 % again'}"
            yield event(bms, self._month.open_alarm, 19.5 if first else 30.5, text, is_on=first)

    def _entry(
        self, t: int, device: str, signals: dict[str, Value], error: str | None = None, measurement: str = "unit"
    ) -> Entry:
        month = self._month
        quality: TimeQuality = "late" if t == month.late and self._unit == month.units[0] else "device"
        up = t - month.start
        reading = Reading(self._unit, BOOT, next(self._seq), device, MODELS[device], measurement, up, t, signals, error)
        return Entry(ReadingMessage(reading, up, 0, b""), KERNEL, up, (t, quality))


def _given_up(entries: Sequence[Entry], reason: Reason) -> list[Entry]:
    """Every second reading of the devices on the bus gave way."""
    gone = [entry for entry in entries if not entry.made_here and entry.reading.device in MEASURED][::2]
    lost = Lost.of(gone[0])
    for entry in gone[1:]:
        lost = lost.joined(Lost.of(entry))
    return [lost.told(reason), *(entry for entry in entries if entry not in gone)]


def _write_gateway(month: Month, told: _Told) -> None:
    """An hour of every day without a link: the backlog grows, and is sent when it is back."""
    a_minute = 6_000
    for t in range(month.start, month.end, HEALTH_MS):
        minute = (t - month.start) // 60_000
        away = minute % 1440 - 600
        waiting = away if 0 <= away < 60 else 0
        fields: dict[str, Value] = {
            "backlog_readings": 4 * waiting,
            "backlog_age": 60.0 * waiting,
            "readings_received": 4 * minute,
            "readings_duplicate": minute // 100,
            "readings_given_up": 30,
            "readings_never_received": 30,
            "journal_bytes": 400_000_000,
            "dead_letters": 0,
            "bytes_sent_today": minute % 1440 * a_minute,
            "budget_day_bytes": 25_000_000,
            "bytes_sent_month": minute * a_minute,
            "budget_month_bytes": 600_000_000,
            "alarms_open": 1 if month.end - t < 4 * HOUR_MS else 0,
            "clock_offset": 0.02,
            "disk_free": 9_000_000_000,
            "cpu_temperature": 55.0,
        }
        told.add(health_line(month.site, fields, t))


def _line(site: str, entry: Entry) -> str:
    assert entry.dated
    line, set_aside = reading_line(site, entry.reading, *entry.dated)
    assert not set_aside, set_aside
    return line
