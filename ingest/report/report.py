"""All that the report says, computed once: figures, verdict and gaps. The page only puts it into words and pictures."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ingest.report import cells, gaps, trend
from ingest.report.figures import Day, Figure, Supply, by_day, highest, supply, total
from ingest.report.gaps import Gap
from ingest.report.history import CapacityPoint, Device, History
from ingest.report.period import Period
from ingest.report.settings import Baseline
from ingest.report.spans import Span

Verdict = Literal["served", "interrupted", "unknown"]
SERVED = 0.99
"""Of the known hours with power: seven hours a month without."""

ENOUGH = 0.5
"""Of the month, that has to be known before it is judged."""


class Carbon(NamedTuple):
    """kg CO₂ that the baseline would have emitted for the energy that is known to have been used. `least` is by the
    baseline's lowest factor, and the one that counts.
    """

    least: float
    middle: float
    most: float


class Pack(NamedTuple):
    """One battery."""

    device: str
    cells: list[cells.Cell]
    weakest: cells.Cell | None
    resistance: cells.Resistance | None
    soh: float | None
    full_capacity: float | None
    cycles: int | None


class Alarm(NamedTuple):
    """How often one began in the month, and whether it still stood at its end."""

    device: str
    name: str
    times: int
    stands: bool
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """Energies in Wh. `supply_hours` are those with power, without, and not known. `availability` is the least and the
    most that the month's share with power can have been, whatever happened in the hours that are not known.
    """

    history: History
    period: Period
    baseline: Baseline
    supplied: Supply
    days: list[Day]
    made: Figure
    used: Figure
    charged: Figure
    discharged: Figure
    highest_pv: float | None
    supply_hours: tuple[float, float, float]
    availability: tuple[float, float]
    verdict: Verdict
    carbon: Carbon | None
    capacity_now: list[CapacityPoint]
    capacity_trend: trend.Trend | None
    packs: list[Pack]
    completeness: dict[str, float]
    gaps: list[Gap]
    alarms: list[Alarm]

    @property
    def known_share(self) -> float | None:
        """Of the hours that are known, the share with power; None when none is."""
        on, off, _ = self.supply_hours
        return on / (on + off) if on + off else None

    @property
    def has_data(self) -> bool:
        """Whether the month has anything to tell."""
        return bool(self.history.hours or self.history.devices)


def make(history: History, period: Period, baseline: Baseline) -> Report:
    """Of what the database holds."""
    span, hours = period.span, history.hours
    tellers = [device for device in history.devices if device.live]
    supplied = supply([gaps.on_and_off(device, span) for device in tellers])
    supply_hours = supplied.hours(span)
    used = total(hours, "charge_controller", "load_energy", span)
    packs = history.of_kind("bms")
    return Report(
        history=history,
        period=period,
        baseline=baseline,
        supplied=supplied,
        days=by_day(hours, supplied, period),
        made=total(hours, "charge_controller", "pv_energy", span),
        used=used,
        charged=total(hours, "bms", "battery_energy_in", span),
        discharged=total(hours, "bms", "battery_energy_out", span),
        highest_pv=highest(hours, "pv_power_max", span),
        supply_hours=supply_hours,
        availability=_availability(supply_hours, span),
        verdict=_verdict(supply_hours),
        carbon=None if used.value is None else _carbon(used.value, baseline),
        capacity_now=[point for point in history.capacity if point.time >= span[0]],
        capacity_trend=trend.trend(history.capacity),
        packs=[_pack(history, device) for device in packs],
        completeness=dict(gaps.completeness(history.devices, span)),
        gaps=gaps.gaps(history, period),
        alarms=_alarms(history),
    )


def _availability(supply_hours: tuple[float, float, float], span: Span) -> tuple[float, float]:
    on, off, _ = supply_hours
    length = (span[1] - span[0]) / 3600
    return on / length, 1 - off / length


def _verdict(supply_hours: tuple[float, float, float]) -> Verdict:
    on, off, unknown = supply_hours
    if on + off < ENOUGH * (on + off + unknown):
        return "unknown"
    return "served" if on >= SERVED * (on + off) else "interrupted"


def _carbon(used: float, baseline: Baseline) -> Carbon:
    return Carbon(*(used / 1000 * factor for factor in (baseline.lowest, baseline.factor, baseline.highest)))


def _pack(history: History, device: Device) -> Pack:
    found = cells.cells(history.hours, device.name)
    told = history.opinion.get(device.name, {})
    return Pack(
        device.name,
        found,
        cells.weakest(found),
        cells.resistance(history.hours, device.name),
        told.get("soh"),
        told.get("full_capacity"),
        told.get("cycles"),
    )


def _alarms(history: History) -> list[Alarm]:
    times = Counter((event.device, event.name) for event in history.events if event.begins)
    last = {(event.device, event.name): event for event in sorted(history.events, key=lambda event: event.time)}
    return [Alarm(*which, count, last[which].begins, last[which].text) for which, count in sorted(times.items())]


def incomplete(days: Sequence[Day]) -> list[Day]:
    """The days whose energies do not stand for the whole day."""
    return [day for day in days if not (day.made.is_complete and day.used.is_complete)]
