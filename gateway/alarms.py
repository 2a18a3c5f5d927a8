"""Alarms: a rule that a device, or the gateway itself, breaks, from when it does until it no longer does.

Each change is an event with the time of the reading that made it sure; several changes by one reading are 1 ms apart,
for the database holds one point of a device at a time.
A reading that is older than the last one known of its device changes nothing of the present. Only its protections and
faults are told, at their own time and as far as the present alarm does not tell of them already; what is still on at
the end of such readings is told to be off there, for nothing says more. The alarms of a device that its unit no longer
names are over, and nothing more is said of it.
Promised: the same readings in the same order give the same events, so those that a crash took are made again, and those
that are in the journal (`told`) are not. What the gateway tells of itself while it does not know the time is dated like
a reading: its own boot is that of its kernel.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from itertools import chain
from typing import Any, NamedTuple

from gateway.alarm_rules import Limit, Rules
from gateway.entry import GATEWAY, Entry, bare
from gateway.event import EVENT, Identity, as_document, elapsed, identity, is_older, later, of_document
from gateway.message import ReadingMessage
from gateway.removed import BOARD, is_removed
from gateway.standing import Alarm, Standing
from ingest.reading import Reading, TimeQuality, Value
from ingest.signals import catalogue

SILENT, CLOCK = "silent", "clock"
LATE_QUIET_MS = 600_000

BitNames = Mapping[str, Mapping[str, Mapping[str, str]]]
"""Model → signal → bit → name."""

_MASK_BITS = 64
"""An int of the database; also those that no profile names."""

_MEASUREMENTS = ("bms", "charge_controller", "unit")


@dataclass(frozen=True, slots=True)
class GatewayState:
    """How the gateway itself does. `disk_free` is in bytes, `budget_spent` in % of the tighter budget, None without."""

    disk_free: int
    budget_spent: float | None


def bit_names() -> BitNames:
    """Of all device profiles, as they were when device_bits.json was made of them."""
    names: BitNames = json.loads(resources.files("gateway").joinpath("device_bits.json").read_text("utf-8"))
    return names


class Source(NamedTuple):
    """Whose alarm: what the board tells of its bus to a device is a source of its own."""

    unit: str
    device: str
    measurement: str


@dataclass(slots=True)
class _Device:
    """`last` is the newest reading, `first` the first one of the same boot, `answered` the newest that had any signals,
    heard at the boottime `heard`, ms; all bare. `pending` are limits that are broken for too short a time yet, by the
    reading that broke them. `late` is the last of the readings that were older than `last`, heard at `late_heard`;
    `late_standing` is what they left on.
    """

    last: Entry
    first: Entry
    answered: Entry
    heard: int
    standing: Standing
    late_standing: Standing
    pending: dict[str, Entry] = field(default_factory=dict)
    late: Entry | None = None
    late_heard: int = 0


class Alarms:
    """Not safe for several threads."""

    def __init__(self, rules: Rules, bit_names: BitNames, kernel: str) -> None:
        self._rules = rules
        self._bit_names = bit_names
        self._kernel = kernel
        self._devices: dict[Source, _Device] = {}
        self._told: set[Identity] = set()
        self._last_told: dict[tuple[str, str, Value], Entry] = {}

    def active(self) -> dict[tuple[str, str, str], Alarm]:
        """All that are on, by unit, device and name. The gateway's own have `gateway` for both."""
        return {
            (source.unit, source.device, name): replace(alarm)
            for source, device in sorted(self._devices.items())
            for name, alarm in sorted(device.standing.alarms.items())
        }

    def acknowledge(self, unit: str, device: str, name: str) -> bool:
        """A person has seen it; False when it is not on."""
        found = [
            known.standing.alarms[name]
            for source, known in self._devices.items()
            if source[:2] == (unit, device) and name in known.standing.alarms
        ]
        for alarm in found:
            alarm.acknowledged = True
        return bool(found)

    def heard(self, entries: Iterable[Entry], now: int) -> list[Entry]:
        """Entries that were just stored, at the boottime `now`, ms: the events that they make."""
        return self._fresh(
            made
            for entry in entries
            if not entry.made_here and entry.reading.measurement in _MEASUREMENTS
            for made in self._reading(entry, now)
        )

    def look(self, gateway: GatewayState, now: int, utc: int | None) -> list[Entry]:
        """What time alone makes, at that boottime and UTC in ms."""
        events: list[Entry] = []
        for source, device in self._devices.items():
            if _may_be_silent(source) and now - device.heard >= self._rules.silent:
                at = later(device.answered, self._rules.silent)
                text = f"no value for {self._rules.silent // 1000} s"
                events += _told(device.standing.say(at, SILENT, None, text, is_on=True))
            if device.late is not None and now - device.late_heard >= LATE_QUIET_MS:
                events += _end_late(device)
        return self._fresh([*events, *self._own(gateway, now, utc)])

    def told(self, entries: Iterable[Entry]) -> None:
        """These entries are in the journal already: events among them are not to be made again."""
        for entry in entries:
            if entry.reading.measurement == EVENT:
                self._told.add(identity(entry))
                self._last_told[entry.reading.unit, entry.reading.device, entry.reading.signals["name"]] = entry

    def caught_up(self, made: Iterable[Entry], now: int) -> list[Entry]:
        """All that was stored since the checkpoint was heard again, which `made` these events: what is to be told of
        them. What time alone made was not heard: it is as it was told, and over where a reading has come since.
        """
        events = list(made)
        for (unit, name_of_device, name), told in self._last_told.items():
            if unit == GATEWAY:
                self._device(Source(GATEWAY, GATEWAY, GATEWAY), bare(told), now).standing.as_told(told)
            elif name == SILENT:
                for source, device in self._devices.items():
                    if source[:2] == (unit, name_of_device) and _may_be_silent(source):
                        device.standing.as_told(told)
                        if device.answered.reading.seq != told.reading.seq:
                            events += _told(device.standing.say(device.answered, SILENT, None, "", is_on=False))
        events = self._fresh(events)
        self._told.clear()
        self._last_told.clear()
        return events

    def state(self) -> dict[str, Any]:
        """As a JSON document."""
        return {
            "devices": [
                {
                    "source": source,
                    "last": as_document(device.last),
                    "first": as_document(device.first),
                    "answered": as_document(device.answered),
                    "standing": device.standing.state(),
                    "pending": {name: as_document(entry) for name, entry in device.pending.items()},
                    "late": None if device.late is None else as_document(device.late),
                    "late_standing": device.late_standing.state(),
                }
                for source, device in self._devices.items()
            ]
        }

    def restore(self, state: dict[str, Any], now: int) -> None:
        """As an earlier run left it; silence is counted from the boottime `now` on, for nobody listened meanwhile.
        Raises ValueError, KeyError or TypeError for what is no `state`.
        """
        for said in state["devices"]:
            device = self._device(Source(*said["source"]), of_document(said["last"]), now)
            device.first, device.answered = of_document(said["first"]), of_document(said["answered"])
            device.standing.restore(said["standing"])
            device.pending = {name: of_document(entry) for name, entry in said["pending"].items()}
            device.late = None if said["late"] is None else of_document(said["late"])
            device.late_heard = now
            device.late_standing.restore(said["late_standing"])

    def _device(self, source: Source, at: Entry, now: int) -> _Device:
        if source not in self._devices:
            flapping = self._rules.flapping
            self._devices[source] = _Device(at, at, at, now, Standing(flapping), Standing(flapping))
        return self._devices[source]

    def _reading(self, entry: Entry, now: int) -> Iterator[Entry]:
        reading = entry.reading
        source = Source(reading.unit, reading.device, reading.measurement)
        at = bare(entry)
        device = self._device(source, at, now)
        if is_older(entry, device.last):
            changes = self._late(device, at, reading, now)
        else:
            if device.first.reading.boot != reading.boot:
                device.first = at
            device.last = at
            changes = self._present(device, at, reading, now) if reading.signals else iter(())
            if _is_board(source):
                changes = chain(changes, self._removed(device, at))
        for number, change in enumerate(changes):
            yield later(change, number)

    def _present(self, device: _Device, at: Entry, reading: Reading, now: int) -> Iterator[Entry]:
        device.answered, device.heard = at, now
        yield from _told(device.standing.say(at, SILENT, None, "", is_on=False))
        for rule in self._rules.limits:
            if reading.measurement == rule.measurement:
                values = [number for name in rule.signals if (number := _number(reading.signals.get(name))) is not None]
                if values:
                    worst = max(values) if rule.limit.sign > 0 else min(values)
                    yield from _told(_judge(device, at, rule.limit, worst, rule.unit))
        for name, is_on in self._bits(reading):
            yield from _told(device.standing.say(at, name, None, name, is_on=is_on))
        if self._rules.implausible:
            yield from _implausible(device, at, reading)

    def _removed(self, board: _Device, at: Entry) -> Iterator[Entry]:
        gone = [
            source
            for source, known in self._devices.items()
            if source.unit == at.reading.unit and is_removed(known.last.reading, board.first.reading, at.reading)
        ]
        for source in gone:
            device = self._devices.pop(source)
            if _may_be_silent(source) and (told := self._last_told.get((source.unit, source.device, SILENT))):
                device.standing.as_told(told)
            named = replace(at.reading, device=source.device, model=device.last.reading.model)
            here = replace(at, message=replace(at.message, reading=named))
            for name in list(device.standing.alarms):
                yield device.standing.end(here, name, "its unit no longer names this device")

    def _bits(self, reading: Reading) -> Iterator[tuple[str, bool]]:
        for signal in self._rules.bits.get(reading.measurement, ()):
            mask = reading.signals.get(signal)
            if isinstance(mask, int) and not isinstance(mask, bool):
                names = self._bit_names.get(reading.model, {}).get(signal, {})
                for bit in range(_MASK_BITS):
                    yield names.get(str(bit), f"{signal} bit {bit}"), bool(mask >> bit & 1)

    def _late(self, device: _Device, at: Entry, reading: Reading, now: int) -> Iterator[Entry]:
        if device.late is not None and is_older(at, device.late):
            yield from _end_late(device)
        device.late, device.late_heard = at, now
        standing = device.late_standing
        for name, is_on in self._bits(reading):
            if is_on and not standing.is_on(name) and _tells_of(device.standing.alarms.get(name), at):
                continue
            yield from _told(standing.say(at, name, None, f"{name}; told late", is_on=is_on))

    def _own(self, gateway: GatewayState, now: int, utc: int | None) -> Iterator[Entry]:
        reading = Reading(GATEWAY, self._kernel, 0, GATEWAY, GATEWAY, GATEWAY, now, None, {})
        dated: tuple[int, TimeQuality] | None = None if utc is None else (utc, "gateway")
        at = Entry(ReadingMessage(reading, now, 0, b""), self._kernel, now, dated)
        device = self._device(Source(GATEWAY, GATEWAY, GATEWAY), at, now)
        clock = Limit(CLOCK, 1, 0, 0, self._rules.clock)
        judged = [(clock, float(utc is None), ""), (self._rules.disk, float(gateway.disk_free), "B")]
        if gateway.budget_spent is not None:
            judged.append((self._rules.budget, gateway.budget_spent, "%"))
        changes = [change for limit, value, unit in judged for change in _told(_judge(device, at, limit, value, unit))]
        for number, change in enumerate(changes):
            yield later(change, number)

    def _fresh(self, events: Iterable[Entry]) -> list[Entry]:
        return [made for made in events if identity(made) not in self._told]


def _told(made: Entry | None) -> Iterable[Entry]:
    return () if made is None else (made,)


def _judge(device: _Device, at: Entry, limit: Limit, value: float, unit: str) -> Entry | None:
    beyond = limit.beyond(value)
    if device.standing.is_on(limit.name):
        is_on = beyond is not False
    else:
        is_on = bool(beyond) and _lasts(device.pending, at, limit)
    if is_on or not beyond:
        device.pending.pop(limit.name, None)
    side = "above" if limit.sign > 0 else "below"
    text = "the gateway does not know the time" if limit.name == CLOCK else f"{value:.6g} {unit}, {side} {limit.on:g}"
    return device.standing.say(at, limit.name, value, text, is_on=is_on)


def _lasts(pending: dict[str, Entry], at: Entry, limit: Limit) -> bool:
    passed = elapsed(pending.setdefault(limit.name, at), at)
    if passed is None:  # two boots, and neither a time: the delay begins anew
        pending[limit.name], passed = at, 0
    return passed >= limit.delay


_LONGEST_QUOTE = 40


def _implausible(device: _Device, at: Entry, reading: Reading) -> Iterator[Entry]:
    known = catalogue()[reading.measurement]
    for name, value in reading.signals.items():
        if (signal := known.get(name)) is None:
            continue
        number = _number(value)
        if number is not None and signal.minimum is not None and signal.maximum is not None:
            is_on = not signal.minimum <= number <= signal.maximum
            text = f"{number:.6g} {signal.unit}, not {signal.minimum:g} to {signal.maximum:g}"
        elif isinstance(value, str) and signal.values:
            is_on = value not in signal.values
            text = f"{value[:_LONGEST_QUOTE]!r}, not {' '.join(signal.values)}"
        else:
            continue
        yield from _told(device.standing.say(at, f"{name} implausible", number, text, is_on=is_on))


def _end_late(device: _Device) -> Iterator[Entry]:
    if device.late is not None:
        for number, name in enumerate(list(device.late_standing.alarms), 1):
            at = later(device.late, _AFTER_LATE_MS + number)
            yield device.late_standing.end(at, name, "no later reading tells of it")
    device.late = None


_AFTER_LATE_MS = 500
"""Where no change of the same reading can be."""


def _tells_of(alarm: Alarm | None, at: Entry) -> bool:
    """Whether that alarm was on then already."""
    return alarm is not None and at.dated is not None and alarm.since is not None and alarm.since <= at.dated[0]


def _may_be_silent(source: Source) -> bool:
    """What the board tells of its bus to a device comes whether that device answers or not."""
    return source.measurement in ("bms", "charge_controller") or _is_board(source)


def _is_board(source: Source) -> bool:
    return source.measurement == "unit" and source.device == BOARD


def _number(value: Value | None) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
