"""What the database holds of one unit in one month, fetched in a dozen questions. Times are UTC seconds.

Readings are asked for by the minute, so a month costs the same at any polling period, and every edge is good to a
minute.
Promised: nothing is filled in. A minute without a reading is absent, a figure that was not sent is absent.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ingest.reader import Reader, ReadError, Row, text
from ingest.report.period import Period
from ingest.report.spans import Span

MINUTE = 60
DAY = 86400
LIVE_VOLTAGE = 10.0
"""V at the load terminals below which nobody is supplied: a 12 V system switches its load off above that."""

SAME_START = 180
"""Seconds by which two health readings may differ about when the board started: each is good to a minute."""

EARLIER_DAYS = 730
"""How far back the capacity's trend looks."""

EARLIER_LOSSES = 45 * DAY
"""Seconds: a loss is told at its first reading, and may have begun before the month."""

_OPINION = ", ".join(f'LAST("{name}") AS {name}' for name in ("soh", "full_capacity", "cycles"))

Kind = Literal["bms", "charge_controller"]
HOURLY: dict[Kind, str] = {"bms": "bms_1h", "charge_controller": "charge_controller_1h"}
_ANSWERED: dict[Kind, str] = {"bms": "pack_voltage", "charge_controller": "battery_voltage"}
"""The signal that no answer of such a device lacks."""


class UnknownUnitError(ReadError):
    """The database holds nothing of that unit."""


@dataclass(slots=True)
class Device:
    """One device of the unit. `answered` and `failed` are the minutes with an answer, and with a bus error. `live` says
    in which of the minutes that tell it the load could be supplied; empty for a device that cannot tell.
    """

    name: str
    kind: Kind
    answered: list[int] = field(default_factory=list)
    failed: set[int] = field(default_factory=set)
    live: dict[int, bool] = field(default_factory=dict)
    is_new: bool = False
    """The database has nothing of it from before the month."""


class Hour(NamedTuple):
    """The hourly point that begins at `start`."""

    device: str
    kind: Kind
    start: int
    fields: Row

    def number(self, name: str) -> float | None:
        """The field, if it was sent."""
        value = self.fields.get(name)
        return None if value is None else float(value)


class Loss(NamedTuple):
    """Readings that were given up between the first and the last of them."""

    span: Span
    readings: int
    reason: str


class BoardStart(NamedTuple):
    """The board started, to the minute."""

    time: int
    cause: str


@dataclass(frozen=True, slots=True)
class Board:
    """`heard` are the minutes in which its health was taken."""

    heard: list[int]
    starts: list[BoardStart]


@dataclass(frozen=True, slots=True)
class Gateway:
    """`heard` are the minutes in which its health came. What it said last: how many readings wait, since when."""

    heard: list[int]
    last: int
    waiting: int
    waiting_since: int


class CapacityPoint(NamedTuple):
    """One estimate by the gateway (docs/decisions/039): Ah, how far off in Ah it may be, and how deep the discharge was
    that it is made of, in %. `to_empty` says that the cells told the depth; else it leans on the BMS.
    """

    time: int
    capacity: float
    uncertainty: float
    depth: float
    to_empty: bool


class Event(NamedTuple):
    """An alarm or a protection begins, or ends."""

    time: int
    device: str
    name: str
    begins: bool
    text: str


@dataclass(slots=True)
class History:
    """All of it. `opinion` is the BMS's own view at the end of the month: soh, full_capacity, cycles, by device."""

    unit: str
    site: str
    devices: list[Device]
    hours: list[Hour]
    losses: list[Loss]
    board: Board
    gateway: Gateway | None
    capacity: list[CapacityPoint]
    opinion: dict[str, Row]
    events: list[Event]

    def of_kind(self, kind: Kind) -> list[Device]:
        """The devices of that kind."""
        return [device for device in self.devices if device.kind == kind]


def fetch(reader: Reader, unit: str, site: str | None, period: Period) -> History:
    """Raises UnknownUnitError, and ReadError for a database that does not answer as it should."""
    place = _site(reader, unit, site)
    ask = _Question(reader, f'"site" = {text(place)} AND "unit" = {text(unit)}', period.span)
    devices = [device for kind in HOURLY for device in _devices(ask, kind)]
    hours = [hour for kind in HOURLY for hour in _hours(ask, kind)]
    known = {device.name for device in devices}
    devices += [Device(name, kind) for name, kind in sorted({hour[:2] for hour in hours}) if name not in known]
    return History(
        unit=unit,
        site=place,
        devices=devices,
        hours=hours,
        losses=list(_losses(ask)),
        board=_board(ask),
        gateway=_gateway(reader, place, period.span),
        capacity=list(_capacity(ask)),
        opinion={row["device"]: row for row in ask("bms", _OPINION, group='"device"')},
        events=list(_events(ask)),
    )


@dataclass(frozen=True, slots=True)
class _Question:
    """Asks for one unit and one span."""

    reader: Reader
    whose: str
    span: Span

    def __call__(
        self, measurement: str, columns: str, *, also: str = "", group: str = "", earlier: int = 0
    ) -> list[Row]:
        start, end = self.span
        when = f"time >= {start - earlier}s AND time < {end}s"
        query = f'SELECT {columns} FROM "{measurement}" WHERE {self.whose} AND {when}{also}'
        return self.reader.query(query + (f" GROUP BY {group}" if group else ""))

    def by_minute(self, measurement: str, columns: str, also: str = "") -> list[Row]:
        return self(measurement, columns, also=also, group='time(1m), "device" fill(none)')


def _site(reader: Reader, unit: str, site: str | None) -> str:
    sites = _tags(reader, "site", f' WHERE "unit" = {text(unit)}')
    if not sites:
        units = ", ".join(_tags(reader, "unit")) or "none at all"
        raise UnknownUnitError(f"unit {unit!r}: the database has nothing of it; it has {units}")
    if site in sites:
        return site
    known = ", ".join(sites)
    if site is not None:
        raise UnknownUnitError(f"site {site!r}: unit {unit!r} is not there; it is at {known}")
    if len(sites) > 1:
        raise UnknownUnitError(f"unit {unit!r}: there is one at each of {known}; say which with --site")
    return sites[0]


def _tags(reader: Reader, tag: str, condition: str = "") -> list[str]:
    return sorted({row["value"] for row in reader.query(f'SHOW TAG VALUES WITH KEY = "{tag}"{condition}')})


def _devices(ask: _Question, kind: Kind) -> list[Device]:
    devices: dict[str, Device] = {}
    columns = f'COUNT("{_ANSWERED[kind]}") AS answered, COUNT("bus_error") AS failed'
    if kind == "charge_controller":
        columns += ', MIN("load_voltage") AS load_voltage'
    else:
        columns += ', LAST("discharge_mosfet") AS discharge_mosfet'
    for row in ask.by_minute(kind, columns):
        minute = row["time"] // 1000
        device = devices.setdefault(row["device"], Device(row["device"], kind))
        if row["answered"]:
            device.answered.append(minute)
        if row["failed"]:
            device.failed.add(minute)
        if row.get("load_voltage") is not None:
            device.live[minute] = row["load_voltage"] >= LIVE_VOLTAGE
        if row.get("discharge_mosfet") is not None:
            device.live[minute] = row["discharge_mosfet"]
    if kind == "bms":
        for row in ask.by_minute(kind, 'COUNT("discharge_mosfet") AS off', ' AND "discharge_mosfet" = false'):
            devices[row["device"]].live[row["time"] // 1000] = False
    before = f'FROM "{kind}" WHERE {ask.whose} AND time < {ask.span[0]}s GROUP BY "device"'
    seen_before = {row["device"] for row in ask.reader.query(f'SELECT LAST("{_ANSWERED[kind]}") {before}')}
    for device in devices.values():
        device.is_new = device.name not in seen_before
    return sorted(devices.values(), key=lambda device: device.name)


def _hours(ask: _Question, kind: Kind) -> Iterator[Hour]:
    for row in ask(HOURLY[kind], "*", group='"device"'):
        yield Hour(row["device"], kind, row["time"] // 1000, row)


def _losses(ask: _Question) -> Iterator[Loss]:
    for row in ask("loss", '"readings", "duration", "reason"', earlier=EARLIER_LOSSES):
        start = row["time"] // 1000
        span = start, start + int(row["duration"] or 0) + 1
        if span[1] > ask.span[0]:
            yield Loss(span, int(row["readings"]), row["reason"])


def _board(ask: _Question) -> Board:
    heard: list[int] = []
    starts: list[BoardStart] = []
    for row in ask.by_minute("unit", 'MIN("uptime") AS uptime, LAST("reset_cause") AS reset_cause'):
        if row["uptime"] is None:
            continue
        heard.append(row["time"] // 1000)
        time = heard[-1] + MINUTE - int(row["uptime"])
        if not starts or time - starts[-1].time > SAME_START:
            starts.append(BoardStart(time, row["reset_cause"] or "unknown"))
    return Board(heard, starts)


def _gateway(reader: Reader, site: str, span: Span) -> Gateway | None:
    of_site = f'FROM "gateway" WHERE "site" = {text(site)}'
    within = f"AND time >= {span[0]}s AND time < {span[1]}s GROUP BY time(1m) fill(none)"
    heard = [row["time"] // 1000 for row in reader.query(f'SELECT COUNT("backlog_readings") {of_site} {within}')]
    for row in reader.query(f'SELECT "backlog_readings", "backlog_age" {of_site} ORDER BY time DESC LIMIT 1'):
        last = row["time"] // 1000
        return Gateway(heard, last, int(row["backlog_readings"] or 0), last - int(row["backlog_age"] or 0))
    return None


def _capacity(ask: _Question) -> Iterator[CapacityPoint]:
    columns = ", ".join(f'"capacity_{name}"' for name in ("estimate", "uncertainty", "depth", "to_empty"))
    for row in ask("unit_1d", columns, earlier=EARLIER_DAYS * DAY):
        if row["capacity_estimate"] is not None:
            estimate, uncertainty, depth = (row[f"capacity_{name}"] for name in ("estimate", "uncertainty", "depth"))
            yield CapacityPoint(row["time"] // 1000, estimate, uncertainty, depth, row["capacity_to_empty"])


def _events(ask: _Question) -> Iterator[Event]:
    for row in ask("event", '"device", "name", "state", "text"'):
        yield Event(row["time"] // 1000, row["device"], row["name"], bool(row["state"]), row["text"] or "")
