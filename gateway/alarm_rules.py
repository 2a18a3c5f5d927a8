"""The alarm rules, from a TOML file. Every error is one line; a rule about a signal that nobody has is one, too."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gateway.standing import Flapping
from ingest.settings_file import Table
from ingest.signals import catalogue, expand

DEFAULT = Path(__file__).parent / "alarm_rules.toml"
"""Holds where the settings name no other file."""

_MEASUREMENTS = ("bms", "charge_controller", "unit")


@dataclass(frozen=True, slots=True)
class Limit:
    """Beyond `on` for `delay` ms the alarm is on, and off as soon as a value has come back to `off`. `sign` is 1 when
    beyond means above, and -1 when it means below.
    """

    name: str
    sign: Literal[1, -1]
    on: float
    off: float
    delay: int

    def beyond(self, value: float) -> bool | None:
        """None in between: what is on stays on, and what is off stays off."""
        if self.sign * value > self.sign * self.on:
            return True
        return False if self.sign * value <= self.sign * self.off else None


@dataclass(frozen=True, slots=True)
class SignalLimit:
    """A limit for the worst of these signals of one reading."""

    limit: Limit
    measurement: str
    signals: tuple[str, ...]
    unit: str


@dataclass(frozen=True, slots=True)
class Rules:
    """`bits` are signals whose bits are alarms, by measurement. `silent` and `clock` are delays in ms. `disk` is about
    free bytes, `budget` about the share of the byte budget that is spent, in %.
    """

    limits: tuple[SignalLimit, ...]
    bits: dict[str, tuple[str, ...]]
    silent: int
    clock: int
    disk: Limit
    budget: Limit
    implausible: bool
    flapping: Flapping


def load(path: Path) -> Rules:
    """Raises SettingsError for whatever a person has to mend."""
    file = Table.of_file(path, "gateway/alarm_rules.toml")
    bits = file.table("bits")
    rules = Rules(
        limits=tuple(_signal_limit(table) for table in file.tables("limit")),
        bits={measurement: _bits(bits, measurement) for measurement in ("bms", "charge_controller")},
        silent=_delay(file.table("silent"), "after"),
        clock=_delay(file.table("clock"), "after"),
        disk=_limit("disk", file.table("disk"), 1e6),
        budget=_limit("budget", file.table("budget"), 1),
        implausible=file.flag("implausible"),
        flapping=_flapping(file.table("flapping")),
    )
    file.refuse_unknown()
    names = [each.limit.name for each in rules.limits]
    for name in names:
        if names.count(name) > 1:
            raise file.wrong("limit", name, "give each limit a name of its own")
    return rules


def _signal_limit(table: Table) -> SignalLimit:
    name = table.text("name", r"[a-z][a-z0-9_]{0,40}", "give a name of small letters, digits and underscores")
    measurement = table.choice("measurement", _MEASUREMENTS)
    known = {signal.name: signal for signal in catalogue()[measurement].values() if signal.type in ("float", "int")}
    text = table.text("signal")
    signals = tuple(expand(text))
    for signal in signals:
        if signal not in known:
            raise table.wrong("signal", text, f"give a number of {measurement} in docs/signals.md")
    return SignalLimit(_limit(name, table, 1), measurement, signals, known[signals[0]].unit)


def _limit(name: str, table: Table, factor: float) -> Limit:
    if table.has("above") == table.has("below"):
        given = "and below" if table.has("above") else "nor below"
        raise table.wrong("above", given, "give one of the two")
    key = "above" if table.has("above") else "below"
    on, off = (table.number(each) * factor for each in (key, "clear"))
    if (on < off) if key == "above" else (on > off):
        raise table.wrong("clear", table.number("clear"), f"give a limit that is not {key} {key!r}")
    return Limit(name, 1 if key == "above" else -1, on, off, _delay(table, "delay"))


def _flapping(table: Table) -> Flapping:
    return Flapping(table.integer("changes", 2, 100), _delay(table, "within"), _delay(table, "every"))


def _delay(table: Table, key: str) -> int:
    return round(table.seconds(key, 0, 86_400) * 1000)


def _bits(table: Table, measurement: str) -> tuple[str, ...]:
    way_out = f"give a list of whole-number signals of {measurement}, or []"
    names = table.texts(measurement, way_out)
    for name in names:
        if name not in catalogue()[measurement] or catalogue()[measurement][name].type != "int":
            raise table.wrong(measurement, name, way_out)
    return tuple(names)
