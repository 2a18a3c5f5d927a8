"""A pack's capacity, from what came out between a full charge and the deepest discharge after it.

Full is what the cells show, not what the BMS counts: the highest cell at FULL_CELL while almost no current flows. The
charge is the integral of the current from the last such moment on, over the hours' points, down to the hour of the day
in which it was lowest. How deep that is, say the cells where the lowest came to EMPTY_CELL. Else only the BMS can say,
and the figure leans on its counting: where that follows a setting and nothing else, the figure is the setting.
Promised: nothing is estimated across a gap, or of less than LEAST_DEPTH; the figure comes with its uncertainty.
Not promised: cells other than LFP, which have other voltages: such a pack is never full here and has no estimate.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ingest.reading import Value

FULL_CELL = 3.45
"""V. An LFP cell rests at 3.35 V or less up to 98 % of its charge; beyond, with little current, it rises steeply."""

FULL_TAPER = 0.05
"""Per hour of the capacity that the BMS was set to: where makers of LFP cells end a charge."""

EMPTY_CELL = 3.0
"""V. Below it an LFP cell falls steeply: whatever its make, 0 to 10 % are left, and protections begin."""

LEAST_DEPTH = 40.0
"""%. The same errors are twice as large a part of half the depth."""

EMPTY_LEFT, EMPTY_ERROR = 5.0, 5.0
FULL_ERROR = 2.0
SOC_ERROR = 5.0
"""%, of the charge: what is left at EMPTY_CELL, how well that is known, and full, and the BMS's own state of charge."""

CURRENT_OFFSET = 0.05
"""A. What a BMS takes for zero, half the step of the coarsest; it adds up over the hours."""

LOOKED_BACK = 48
"""Hours before the day in which a full charge counts; by then the offset alone is some 4 Ah."""

_WHOLE = 3599.0
_KNOWN = 0.99
_NEEDED = (
    "battery_charge_in", "battery_charge_out", "bms_covered", "bms_readings", "cell_voltage_min_min",
    "charge_since_full", "current_count", "soc_min",
)  # fmt: skip


def is_full(signals: Mapping[str, Value]) -> bool:
    """Whether a reading shows a charge that has come to its end."""
    match signals:
        case {"cell_voltage_max": int() | float() as cell, "current": int() | float() as current,
              "full_capacity": int() | float() as capacity}:  # fmt: skip
            return cell >= FULL_CELL and abs(current) <= FULL_TAPER * capacity
    return False


class PackHour(NamedTuple):
    """What the hour that begins at `hour`, in hours since 1970, tells of one pack's charge."""

    hour: int
    figures: Mapping[str, float]


def pack_hour(hour: int, fields: Mapping[str, Value]) -> PackHour:
    """Of a whole point: of two days before, no more is held than this."""
    return PackHour(hour, {name: float(fields[name]) for name in _NEEDED if isinstance(fields.get(name), int | float)})


@dataclass(frozen=True, slots=True)
class Estimate:
    """`capacity` and `uncertainty` in Ah, `depth` in % of it; `to_empty`: the cells told how deep, not the BMS."""

    capacity: float
    uncertainty: float
    depth: float
    to_empty: bool


def estimate(hours: Iterable[PackHour], first: int) -> Estimate | None:
    """Of one pack, by its deepest hour from `first` on, in hours since 1970; None where nothing can be said."""
    found: list[tuple[float, Estimate | None]] = []
    charge: float | None = None
    since, last = 0, -1
    for hour, figures in sorted(hours, key=lambda one: one.hour):
        if hour != last + 1:
            charge = None
        last = hour
        if "charge_since_full" in figures:
            charge, since = figures["charge_since_full"], hour
        elif charge is not None and _whole(figures):
            lowest = charge - figures["battery_charge_out"]
            if hour >= first:
                found.append((lowest, _estimate(-lowest, hour + 1 - since, figures)))
            charge += figures["battery_charge_in"] - figures["battery_charge_out"]
        else:
            charge = None
    return min(found, key=lambda one: one[0])[1] if found else None


def _estimate(out: float, hours: int, figures: Mapping[str, float]) -> Estimate | None:
    to_empty = figures.get("cell_voltage_min_min", math.inf) <= EMPTY_CELL
    left = EMPTY_LEFT if to_empty else figures.get("soc_min", math.inf)
    depth = 100 - left
    if depth < LEAST_DEPTH or out <= 0:
        return None
    capacity = 100 * out / depth
    # Within its hour the lowest moment is not known better than by what flowed the other way.
    turned = min(figures["battery_charge_in"], figures["battery_charge_out"])
    ends = math.hypot(FULL_ERROR, EMPTY_ERROR if to_empty else SOC_ERROR)
    uncertainty = math.hypot(100 * CURRENT_OFFSET * hours, 100 * turned, ends * capacity) / depth
    return Estimate(capacity, uncertainty, depth, to_empty)


def _whole(figures: Mapping[str, float]) -> bool:
    """Whether the hour's integrals lack nothing: a hundredth of its readings without a current is bridged for sure."""
    known = figures.get("current_count", 0.0) >= _KNOWN * figures.get("bms_readings", math.inf)
    return known and figures.get("bms_covered", 0.0) >= _WHOLE and "battery_charge_out" in figures


def together(estimates: Iterable[Estimate | None]) -> dict[str, Value]:
    """The fields of a unit whose packs these are, in parallel: nothing, unless each has an estimate."""
    packs = []
    for pack in estimates:
        if pack is None:
            return {}
        packs.append(pack)
    if not packs:
        return {}
    return {
        "capacity_estimate": round(sum(pack.capacity for pack in packs), 2),
        "capacity_uncertainty": round(math.hypot(*(pack.uncertainty for pack in packs)), 2),
        "capacity_depth": round(min(pack.depth for pack in packs), 2),
        "capacity_to_empty": all(pack.to_empty for pack in packs),
    }
