"""The alarms of one device that stand, and what of their changes is told.

An alarm that comes and goes with every reading would cost an event, and a sync of the disk, each time. So from the n-th
change within a time on it is told to be flapping, and counts as on; then comes an event an hour with how many changes
there were since it began to (`value`), and one more when it has kept still for that time.
Promised: the first changes are told at once, each by an event of its own, and every further one is counted by an event.
Not promised: when each change that was counted happened; the readings tell of that.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gateway.entry import Entry
from gateway.event import as_document, elapsed, event, of_document


@dataclass(frozen=True, slots=True)
class Flapping:
    """An alarm flaps from so many `changes` `within` that time on, and is counted `every` so often; both in ms."""

    changes: int
    within: int
    every: int


@dataclass(slots=True)
class Alarm:
    """One that is on. `since` is UTC in ms, None while the time of its beginning is not known."""

    since: int | None
    value: float | None
    text: str
    acknowledged: bool = False


@dataclass(slots=True)
class _Changes:
    """`latest` are bare readings that changed one alarm. While it flaps, `count` is how many did since it began to,
    `is_on` what the last one said, and `told` the one with which the count was told last.
    """

    latest: list[Entry]
    count: int = 0
    is_on: bool = False
    told: Entry | None = None


@dataclass(slots=True)
class Standing:
    """`alarms` are those that are on, by name."""

    flapping: Flapping
    alarms: dict[str, Alarm] = field(default_factory=dict)
    _changes: dict[str, _Changes] = field(default_factory=dict)

    def is_on(self, name: str) -> bool:
        """What was said last; of one that flaps it may be off although the alarm stands."""
        known = self._changes.get(name)
        return known.is_on if known is not None and known.count else name in self.alarms

    def say(self, at: Entry, name: str, value: float | None, text: str, *, is_on: bool) -> Entry | None:
        """The bare reading `at` says whether that alarm is on: the event that is to be told of it."""
        known = self._changes.get(name)
        if known is not None and known.count:
            return self._flaps(known, at, name, text, is_on=is_on)
        if is_on == (name in self.alarms):
            if known is not None and not _within(known.latest[-1:], at, self.flapping.within):
                del self._changes[name]
            return None
        latest = [] if known is None else _within(known.latest, at, self.flapping.within)
        known = self._changes[name] = _Changes([*latest, at])
        if len(known.latest) < self.flapping.changes:
            return self._turned(at, name, value, text, is_on=is_on)
        known.count, known.is_on, known.told = len(known.latest), is_on, at
        seconds = (elapsed(known.latest[0], at) or 0) / 1000
        text = f"flapping: {known.count} changes in {seconds:g} s; counted from now on"
        return self._counted(at, name, known.count, text)

    def end(self, at: Entry, name: str, why: str) -> Entry:
        """It stands no longer, whatever was said last."""
        known = self._changes.pop(name, None)
        count = known.count if known is not None else 0
        told = f"over: {self.alarms.pop(name).text}; {why}"
        if not count:
            return event(at, name, None, told, is_on=False)
        return event(at, name, float(count), f"{told}; {_total(count)}", is_on=False)

    def as_told(self, told: Entry) -> None:
        """It is as that event says."""
        said = told.reading.signals
        name, value = str(said["name"]), said.get("value")
        known = self.alarms.pop(name, None)
        self._changes.pop(name, None)
        if said["state"]:
            self.alarms[name] = _alarm(told, None if value is None else float(value), str(said["text"]))
            self.alarms[name].acknowledged = known is not None and known.acknowledged

    def state(self) -> dict[str, Any]:
        """As a JSON document."""
        return {
            "alarms": {
                name: [alarm.since, alarm.value, alarm.text, alarm.acknowledged] for name, alarm in self.alarms.items()
            },
            "changes": {
                name: [
                    [as_document(entry) for entry in known.latest],
                    known.count,
                    known.is_on,
                    None if known.told is None else as_document(known.told),
                ]
                for name, known in self._changes.items()
            },
        }

    def restore(self, state: dict[str, Any]) -> None:
        """As `state` told. Raises ValueError, KeyError or TypeError for what is none."""
        self.alarms = {name: Alarm(*alarm) for name, alarm in state["alarms"].items()}
        self._changes = {
            name: _Changes([of_document(entry) for entry in latest], count, is_on, told and of_document(told))
            for name, (latest, count, is_on, told) in state["changes"].items()
        }

    def _flaps(self, known: _Changes, at: Entry, name: str, text: str, *, is_on: bool) -> Entry | None:
        if is_on == known.is_on:
            if _within(known.latest, at, self.flapping.within):
                return None
            del self._changes[name]
            if is_on:
                return self._counted(at, name, known.count, f"{text}; {_total(known.count)}")
            self.alarms.pop(name)
            return event(at, name, float(known.count), f"over: {_total(known.count)}", is_on=False)
        known.latest, known.is_on = [at], is_on
        known.count += 1
        if known.told is not None and _within([known.told], at, self.flapping.every):
            return None
        known.told = at
        return self._counted(at, name, known.count, f"flapping: {known.count} changes since it began to")

    def _turned(self, at: Entry, name: str, value: float | None, text: str, *, is_on: bool) -> Entry:
        if is_on:
            self.alarms[name] = _alarm(at, value, text)
            return event(at, name, value, text, is_on=True)
        return event(at, name, value, f"over: {self.alarms.pop(name).text}", is_on=False)

    def _counted(self, at: Entry, name: str, count: int, text: str) -> Entry:
        alarm = self.alarms.setdefault(name, _alarm(at, None, text))
        alarm.value, alarm.text = float(count), text
        return event(at, name, alarm.value, text, is_on=True)


def _alarm(at: Entry, value: float | None, text: str) -> Alarm:
    return Alarm(at.dated[0] if at.dated else None, value, text)


def _total(count: int) -> str:
    return f"it flapped, {count} changes"


def _within(entries: Iterable[Entry], at: Entry, ms: int) -> list[Entry]:
    """Those that are not longer ago; of what nobody can tell when it was, none."""
    return [entry for entry in entries if (passed := elapsed(entry, at)) is not None and passed < ms]
