"""A pack's internal resistance, from load steps: how far the voltage moves when the current does.

The voltage is the sum of the cells, which every BMS tells to the millivolt; some round the pack's to 0.1 V. A step is
two neighbouring readings at most LONGEST_STEP_MS and at least SMALLEST_STEP apart. Its resistance is what the voltage
moved by over what the current moved by; an hour's is their median, in which each step weighs as much as its current
moved, so that a load which was switched between the two halves of one reading does not count.
Promised: the same readings give the same figure, and FEWEST steps at least stand behind it.
Not promised: more than 20 % of one step of 1 A in a pack of 30 mΩ (5 mV of noise in 16 cells, 0.1 A in the coarsest
current), so about 25 %/√n of the median of n; nor the ohmic part alone: the beginning of the slow polarisation is in
it, some 2 % at 10 s between readings and 7 % at a minute. Compare it with itself, at a like temperature and charge.
"""

from array import array
from collections.abc import Mapping, Sequence
from itertools import pairwise

from ingest.reading import Value
from ingest.signals import expand

LONGEST_STEP_MS = 65_000
"""A unit that saves power is polled once a minute; over longer, charge and polarisation move the voltage, too."""

SMALLEST_STEP = 1.0
"""A: a household's fridge. Ten times the resolution of the coarsest BMS."""

FEWEST = 3

FLAT = (3.1, 3.4)
"""V per cell, on the mean. Nearly empty or full, an LFP cell is moved by the charge of a minute as by a load."""

_CELLS = tuple(expand("cell_{01..32}_voltage"))


class LoadSteps:
    """The readings of one BMS around an hour, in any order."""

    def __init__(self) -> None:
        self._times = array("q")
        self._currents = array("d")
        self._volts = array("d")
        self._cells = array("b")

    def add(self, time: int, signals: Mapping[str, Value]) -> None:
        """A reading at that UTC in ms; one that lacks the current or the cells is no end of a step."""
        current = signals.get("current")
        if not isinstance(current, int | float):
            return
        cells = [volts for name in _CELLS if isinstance(volts := signals.get(name), int | float)]
        if cells and FLAT[0] <= sum(cells) / len(cells) <= FLAT[1]:
            self._times.append(time)
            self._currents.append(current)
            self._volts.append(sum(cells))
            self._cells.append(len(cells))

    def resistance(self, start: int, end: int) -> tuple[float, int] | None:
        """Ohm, of the steps that end in [start, end), UTC in ms, and how many they are; None of fewer than FEWEST."""
        order = sorted(range(len(self._times)), key=self._times.__getitem__)
        steps = []
        for before, after in pairwise(order):
            amperes = self._currents[after] - self._currents[before]
            if (
                start <= self._times[after] < end
                and self._times[after] - self._times[before] <= LONGEST_STEP_MS
                and abs(amperes) >= SMALLEST_STEP
                and self._cells[after] == self._cells[before]
            ):
                steps.append(((self._volts[after] - self._volts[before]) / amperes, abs(amperes)))
        return (_weighted_median(steps), len(steps)) if len(steps) >= FEWEST else None


def _weighted_median(weighted: Sequence[tuple[float, float]]) -> float:
    """Of (value, weight): half the weight lies below it, half above."""
    half, below = sum(weight for _, weight in weighted) / 2, 0.0
    for value, weight in sorted(weighted):
        below += weight
        if below >= half:
            return value
    raise ValueError("the median of nothing")
