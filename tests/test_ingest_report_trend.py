import math
import random

import pytest

from ingest.report.history import DAY, CapacityPoint
from ingest.report.trend import trend


def points(*values: tuple[float, float]) -> list[CapacityPoint]:
    return [CapacityPoint(int(day * DAY), capacity, 2.0, 80.0, True) for day, capacity in values]


def test_a_line_is_found_as_it_is() -> None:
    found = trend(points(*((day, 100 - 0.1 * day) for day in range(0, 90, 10))))
    assert found
    assert found.per_month == pytest.approx(-3.0)
    assert found.per_month_95 == pytest.approx(0.0, abs=1e-9)
    assert found.at(50 * DAY)[0] == pytest.approx(95.0)


def test_the_confidence_is_that_of_a_worked_example() -> None:
    """By hand: x = 0 1 2, y = 0 1 1: slope 0.5, residuals −1/6 2/6 −1/6, their standard error √(1/6), t(1) = 12.71."""
    found = trend(points((0, 0), (1, 1), (2, 1)))
    assert found
    assert found.per_month == pytest.approx(30 * 0.5)
    assert found.per_month_95 == pytest.approx(30 * 12.71 * math.sqrt(1 / 6) / math.sqrt(2))


def test_95_of_100_confidences_hold_the_truth() -> None:
    chance = random.Random(7)
    held = 0
    for _ in range(1000):
        found = trend(points(*((day, 90 - 0.05 * day + chance.gauss(0, 1.5)) for day in range(0, 60, 5))))
        assert found
        held += abs(found.per_month + 1.5) <= found.per_month_95
    assert 930 <= held <= 975


def test_few_estimates_make_no_trend() -> None:
    assert trend([]) is None
    assert trend(points((0, 90), (10, 89))) is None
    assert trend(points((5, 90), (5, 89), (5, 88))) is None
