from zoneinfo import ZoneInfo

import pytest

from ingest.report.period import MonthError, is_whole_hours, period
from tests.report_stand_ins import HOUR, ZONE, at, november


def test_a_month_begins_and_ends_at_the_villages_midnight() -> None:
    month = november()
    assert month.span == (at("2026-11-01 00:00"), at("2026-12-01 00:00"))
    assert (len(month.days), month.is_over) == (30, True)
    assert month.day_span(month.days[2]) == (at("2026-11-03 00:00"), at("2026-11-04 00:00"))
    assert month.day_of(at("2026-11-03 23:59")) == month.days[2]


def test_a_month_that_is_not_over_ends_now() -> None:
    month = november("2026-11-02 08:00")
    assert (month.end, month.is_over, len(month.days)) == (at("2026-11-02 08:00"), False, 2)
    assert month.day_span(month.days[1])[1] == month.end


def test_a_day_of_a_zone_that_changes_its_clocks_has_twenty_five_hours() -> None:
    month = period("2026-10", ZoneInfo("Europe/Berlin"), at("2026-12-01 00:00"))
    assert month.day_span(month.days[24])[1] - month.day_span(month.days[24])[0] == 25 * HOUR


@pytest.mark.parametrize("text", ["2026-13", "2026-1", "11-2026", "november", "2026-11-01", "", "1999-01", "2026-00"])
def test_what_is_no_month_is_named(text: str) -> None:
    with pytest.raises(MonthError, match="write it as YYYY-MM") as caught:
        period(text, ZONE, at("2026-12-01 00:00"))
    assert repr(text) in str(caught.value)


def test_a_month_to_come_is_refused() -> None:
    with pytest.raises(MonthError, match="has not begun"):
        period("2027-01", ZONE, at("2026-12-01 00:00"))


@pytest.mark.parametrize(
    ("name", "whole"), [("Asia/Ho_Chi_Minh", True), ("Europe/Berlin", True), ("Asia/Kolkata", False)]
)
def test_only_zones_of_whole_hours_fit_hourly_figures(name: str, *, whole: bool) -> None:
    assert is_whole_hours(ZoneInfo(name)) is whole
