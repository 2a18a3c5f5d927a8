"""The capacity's trend: a straight line through its estimates, with the 95 % confidence that Student's t gives it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from ingest.report.history import DAY, CapacityPoint

LEAST_POINTS = 3
"""Two points make a line, but say nothing about how sure it is."""

_T_95 = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26, 10: 2.23}
_T_95 |= {15: 2.13, 20: 2.09, 30: 2.04, 60: 2.00, 120: 1.98}
"""Student's t, two-sided, by degrees of freedom; in between the next lower one holds, which is the wider.
https://www.itl.nist.gov/div898/handbook/eda/section3/eda3672.htm
"""


class Trend(NamedTuple):
    """`per_month` is in Ah in 30 days. The line is `middle + slope · (t − centre)`, t in days since 1970."""

    points: int
    per_month: float
    per_month_95: float
    centre: float
    middle: float
    residual: float
    spread: float
    t_95: float

    def at(self, time: float) -> tuple[float, float]:
        """Ah at that UTC second, and the half width of its 95 % confidence."""
        off = time / DAY - self.centre
        half = self.t_95 * self.residual * math.sqrt(1 / self.points + off * off / self.spread)
        return self.middle + self.per_month / 30 * off, half


def trend(points: Sequence[CapacityPoint]) -> Trend | None:
    """None with fewer than three estimates, or all of one day."""
    count = len(points)
    times = [point.time / DAY for point in points]
    if count < LEAST_POINTS or len(set(times)) < LEAST_POINTS:
        return None
    centre = sum(times) / count
    middle = sum(point.capacity for point in points) / count
    spread = sum((time - centre) ** 2 for time in times)
    slope = sum((t - centre) * (point.capacity - middle) for t, point in zip(times, points, strict=True)) / spread
    off = sum((point.capacity - middle - slope * (t - centre)) ** 2 for t, point in zip(times, points, strict=True))
    freedom = count - 2
    residual = math.sqrt(off / freedom)
    t_95 = _T_95[max(key for key in _T_95 if key <= freedom)]
    return Trend(count, 30 * slope, 30 * t_95 * residual / math.sqrt(spread), centre, middle, residual, spread, t_95)
