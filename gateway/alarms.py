"""Alarms: a rule that a device, or the gateway itself, breaks, from when it does until it no longer does.

Each change is an event with the time of the reading that made it sure; several changes by one reading are 1 ms apart,
for the database holds one point of a device at a time.
A reading that is older than the last one known of its device changes nothing of the present. Only its protections and
faults are told, at their own time and as far as the present alarm does not tell of them already; what is still on at
the end of such readings is told to be off there, for nothing says more.
Promised: the same readings in the same order give the same events, so those that a crash took are made again, and those
that are in the journal (`told`) are not. Not promised: an event about the gateway itself that a crash took before the
gateway knew the time.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from typing import Any, NamedTuple

from gateway.alarm_rules import Limit, Rules
from gateway.entry import GATEWAY, Entry, bare
from gateway.event import EVENT, Identity, as_document, elapsed, event, identity, is_older, later, of_document
from gateway.message import ReadingMessage
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


@dataclass(slots=True)
class Alarm:
    """One that is on. `since` is UTC in ms, None while the time of its beginning is not known."""

    since: int | None
    value: float | None
    text: str
    acknowledged: bool = False


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
    """`last` is the newest reading, `answered` the newest that had any signals, heard at the boottime `heard`, ms; both
    bare. `pending` are limits that are broken for too short a time yet, by the reading that broke them. `late` is the
    last of the readings that were older than `last`, heard at `late_heard`; it left `late_on`.
    """

    last: Entry
    answered: Entry
    heard: int
    alarms: dict[str, Alarm] = field(default_factory=dict)
    pending: dict[str, Entry] = field(default_factory=dict)
    late: Entry | None = None
    late_heard: int = 0
    late_on: list[str] = field(default_factory=list)


class Alarms:
    """Not safe for several threads."""

    def __init__(self, rules: Rules, bit_names: BitNames, kernel: str) -> None:
        self._rules = rules
        self._bit_names = bit_names
        self._kernel = kernel
        self._devices: dict[Source, _Device] = {}
        self._told: set[Identity] = set()
        self._last_told: dict[tuple[str, str, Value], Entry] = {}
        self._held: list[Entry] = []

    def active(self) -> dict[tuple[str, str, str], Alarm]:
        """All that are on, by unit, device and name. The gateway's own have `gateway` for both."""
        return {
            (source.unit, source.device, name): replace(alarm)
            for source, device in sorted(self._devices.items())
            for name, alarm in sorted(device.alarms.items())
        }

    def acknowledge(self, unit: str, device: str, name: str) -> bool:
        """A person has seen it; False when it is not on."""
        found = [
            known for source, known in self._devices.items() if source[:2] == (unit, device) and name in known.alarms
        ]
        for known in found:
            known.alarms[name].acknowledged = True
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
            if _may_be_silent(source) and SILENT not in device.alarms and now - device.heard >= self._rules.silent:
                at = later(device.answered, self._rules.silent)
                events.append(_on(device, at, SILENT, None, f"no value for {self._rules.silent // 1000} s"))
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
                own = self._devices.setdefault(Source(GATEWAY, GATEWAY, GATEWAY), _Device(bare(told), bare(told), now))
                _as_told(own, told)
            elif name == SILENT:
                for source, device in self._devices.items():
                    if source[:2] == (unit, name_of_device) and _may_be_silent(source):
                        _as_told(device, told)
                        if SILENT in device.alarms and device.answered.reading.seq != told.reading.seq:
                            events.append(_off(device, device.answered, SILENT, None))
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
                    "answered": as_document(device.answered),
                    "alarms": {
                        name: [alarm.since, alarm.value, alarm.text, alarm.acknowledged]
                        for name, alarm in device.alarms.items()
                    },
                    "pending": {name: as_document(entry) for name, entry in device.pending.items()},
                    "late": None if device.late is None else as_document(device.late),
                    "late_on": device.late_on,
                }
                for source, device in self._devices.items()
            ]
        }

    def restore(self, state: dict[str, Any], now: int) -> None:
        """As an earlier run left it; silence is counted from the boottime `now` on, for nobody listened meanwhile.
        Raises ValueError, KeyError or TypeError for what is no `state`.
        """
        for said in state["devices"]:
            self._devices[Source(*said["source"])] = _Device(
                last=of_document(said["last"]),
                answered=of_document(said["answered"]),
                heard=now,
                alarms={name: Alarm(*alarm) for name, alarm in said["alarms"].items()},
                pending={name: of_document(entry) for name, entry in said["pending"].items()},
                late=None if said["late"] is None else of_document(said["late"]),
                late_heard=now,
                late_on=list(said["late_on"]),
            )

    def _reading(self, entry: Entry, now: int) -> Iterator[Entry]:
        reading = entry.reading
        source = Source(reading.unit, reading.device, reading.measurement)
        at = bare(entry)
        device = self._devices.setdefault(source, _Device(at, at, now))
        if is_older(entry, device.last):
            changes = self._late(device, at, reading, now)
        else:
            device.last = at
            changes = self._present(device, at, reading, now) if reading.signals else iter(())
        for number, change in enumerate(changes):
            yield later(change, number)

    def _present(self, device: _Device, at: Entry, reading: Reading, now: int) -> Iterator[Entry]:
        device.answered, device.heard = at, now
        if SILENT in device.alarms:
            yield _off(device, at, SILENT, None)
        for rule in self._rules.limits:
            if reading.measurement == rule.measurement:
                values = [number for name in rule.signals if (number := _number(reading.signals.get(name))) is not None]
                if values:
                    worst = max(values) if rule.limit.sign > 0 else min(values)
                    yield from _judge(device, at, rule.limit, worst, rule.unit)
        for name, is_on in self._bits(reading):
            if is_on and name not in device.alarms:
                yield _on(device, at, name, None, name)
            elif not is_on and name in device.alarms:
                yield _off(device, at, name, None)
        if self._rules.implausible:
            yield from _implausible(device, at, reading)

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
        for name, is_on in self._bits(reading):
            if is_on and name not in device.late_on and not _tells_of(device.alarms.get(name), at):
                device.late_on.append(name)
                yield event(at, name, None, f"{name}; told late", is_on=True)
            elif not is_on and name in device.late_on:
                device.late_on.remove(name)
                yield event(at, name, None, f"over: {name}; told late", is_on=False)

    def _own(self, gateway: GatewayState, now: int, utc: int | None) -> Iterator[Entry]:
        reading = Reading(GATEWAY, self._kernel, 0, GATEWAY, GATEWAY, GATEWAY, now, None, {})
        dated: tuple[int, TimeQuality] | None = None if utc is None else (utc, "gateway")
        at = Entry(ReadingMessage(reading, now, 0, b""), self._kernel, now, dated)
        device = self._devices.setdefault(Source(GATEWAY, GATEWAY, GATEWAY), _Device(at, at, now))
        clock = Limit(CLOCK, 1, 0, 0, self._rules.clock)
        judged = [(clock, float(utc is None), ""), (self._rules.disk, float(gateway.disk_free), "B")]
        if gateway.budget_spent is not None:
            judged.append((self._rules.budget, gateway.budget_spent, "%"))
        changes = [change for limit, value, unit in judged for change in _judge(device, at, limit, value, unit)]
        self._held += [later(change, number) for number, change in enumerate(changes)]
        if utc is not None:
            yield from (replace(held, dated=(utc - now + held.reading.up, "gateway")) for held in self._held)
            self._held.clear()

    def _fresh(self, events: Iterable[Entry]) -> list[Entry]:
        return [made for made in events if identity(made) not in self._told]


def _judge(device: _Device, at: Entry, limit: Limit, value: float, unit: str) -> Iterator[Entry]:
    beyond = limit.beyond(value)
    if limit.name in device.alarms:
        if beyond is False:
            yield _off(device, at, limit.name, value)
    elif not beyond:
        device.pending.pop(limit.name, None)
    elif elapsed(device.pending.setdefault(limit.name, at), at) >= limit.delay:
        side = "above" if limit.sign > 0 else "below"
        text = (
            "the gateway does not know the time" if limit.name == CLOCK else f"{value:.6g} {unit}, {side} {limit.on:g}"
        )
        yield _on(device, at, limit.name, value, text)


def _implausible(device: _Device, at: Entry, reading: Reading) -> Iterator[Entry]:
    known = catalogue()[reading.measurement]
    for name, value in reading.signals.items():
        signal, number = known.get(name), _number(value)
        if signal is None or signal.minimum is None or signal.maximum is None or number is None:
            continue
        alarm = f"{name} implausible"
        if signal.minimum <= number <= signal.maximum:
            if alarm in device.alarms:
                yield _off(device, at, alarm, number)
        elif alarm not in device.alarms:
            text = f"{number:.6g} {signal.unit}, not {signal.minimum:g} to {signal.maximum:g}"
            yield _on(device, at, alarm, number, text)


def _end_late(device: _Device) -> Iterator[Entry]:
    if device.late is not None:
        for number, name in enumerate(device.late_on, 1):
            at = later(device.late, _AFTER_LATE_MS + number)
            yield event(at, name, None, f"over: {name}; no later reading tells of it", is_on=False)
    device.late = None
    device.late_on = []


_AFTER_LATE_MS = 500
"""Where no change of the same reading can be."""


def _as_told(device: _Device, told: Entry) -> None:
    name, text = str(told.reading.signals["name"]), str(told.reading.signals["text"])
    known = device.alarms.pop(name, None)
    if told.reading.signals["state"]:
        _on(device, told, name, _number(told.reading.signals.get("value")), text)
        device.alarms[name].acknowledged = known is not None and known.acknowledged


def _on(device: _Device, at: Entry, name: str, value: float | None, text: str) -> Entry:
    device.pending.pop(name, None)
    device.alarms[name] = Alarm(at.dated[0] if at.dated else None, value, text)
    return event(at, name, value, text, is_on=True)


def _off(device: _Device, at: Entry, name: str, value: float | None) -> Entry:
    return event(at, name, value, f"over: {device.alarms.pop(name).text}", is_on=False)


def _tells_of(alarm: Alarm | None, at: Entry) -> bool:
    """Whether that alarm was on then already."""
    return alarm is not None and at.dated is not None and alarm.since is not None and alarm.since <= at.dated[0]


def _may_be_silent(source: Source) -> bool:
    """What the board tells of its bus to a device comes whether that device answers or not."""
    return source.measurement in ("bms", "charge_controller") or source.device == "board"


def _number(value: Value | None) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
