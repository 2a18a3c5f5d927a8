"""The page says what was computed, in words that hold at the edges: nothing, little, and what a person typed."""

import re
from datetime import datetime
from xml.etree import ElementTree as ET

import pytest

from ingest.report import report
from ingest.report.history import CapacityPoint, Event, History, Loss
from ingest.report.page import render
from ingest.report.period import Period
from ingest.report.settings import Baseline
from tests.report_stand_ins import BASELINE, HOUR, ZONE, device, history, hour, minutes, november

PERIOD = november()
START, END = PERIOD.span
WHOLE = minutes(START, END)


def month(baseline: Baseline = BASELINE, period: Period = PERIOD, **more: object) -> tuple[str, report.Report]:
    """A month in which all is well."""
    hours = [hour(start, pv_energy=100.0, load_energy=80.0, pv_power_max=400.0) for start in range(START, END, HOUR)]
    hours += [
        hour(start, "bms", "bms1", soc_min=50.0, soc_max=90.0, cell_voltage_spread_max=0.03)
        for start in range(START, END, HOUR)
    ]
    devices = [
        device("bms1", "bms", WHOLE, live=dict.fromkeys(WHOLE, True)),
        device("mppt1", "charge_controller", WHOLE, live=dict.fromkeys(WHOLE, True)),
    ]
    seen = history(devices, hours=hours)
    for name, value in more.items():
        setattr(seen, name, value)
    return shown(seen, period, baseline)


def shown(seen: History, period: Period = PERIOD, baseline: Baseline = BASELINE) -> tuple[str, report.Report]:
    told = report.make(seen, period, baseline)
    page = render(told, "http://influx:8086", datetime(2026, 12, 2, 9, 0, tzinfo=ZONE))
    ET.fromstring(page)  # noqa: S314  our own
    return " ".join(re.sub(r"<style>.*?</style>|<svg.*?</svg>|<[^>]*>", " ", page, flags=re.DOTALL).split()), told


def test_a_month_in_which_all_is_well_is_answered_first() -> None:
    text, told = month()
    assert "Yes: they served this month. The load had power for 720.0 of 720.0 known hours (100 %)." in text
    assert "The modules made 72.00 kWh, of which the village used 57.60 kWh." in text
    assert "None longer than five minutes." in text
    assert "Every day is complete." in text
    assert told.availability == (1.0, 1.0)


def test_the_conservative_end_of_the_baseline_is_what_counts() -> None:
    text, _ = month()
    assert "30.7 kg = 57.600 kWh × 0.533 kg CO₂/kWh" in text
    assert "By the factor itself it would be 61.5 kg, by the highest 62.0 kg. Counted is the lowest." in text
    assert "IPCC 2006, volume 2, table 2.2" in text
    text, _ = month(Baseline("grid", 0.66, 0.66, 0.66, "a ministry"))
    assert "38.0 kg = 57.600 kWh × 0.66 kg CO₂/kWh" in text
    assert "The source gives no range, so the factor itself is counted." in text


def test_a_month_without_data_claims_nothing() -> None:
    text, told = shown(history())
    assert "No data of this unit in this month." in text
    assert "Nothing is counted: the energy used is not known." in text
    assert told.carbon is None
    assert "0.00 kWh" not in text
    assert "kg =" not in text


def test_half_a_month_unknown_is_no_answer() -> None:
    some = minutes(START, START + (END - START) // 3)
    text, _ = month(devices=[device("mppt1", "charge_controller", some, live=dict.fromkeys(some, True))])
    assert "Whether they served this month cannot be told. Of 720 hours only 240 are known" in text
    assert "33.3 % to 100 %" in text


def test_interruptions_are_told_and_never_rounded_away() -> None:
    live = {minute: not START + 9 * HOUR <= minute < START + 19 * HOUR for minute in WHOLE}
    text, told = month(devices=[device("bms1", "bms", WHOLE, live=live)])
    assert "They served, with interruptions. The load had power for 710.0 of 720.0 known hours (98.6 %)." in text
    assert told.days[0].supply == (14.0, 10.0, 0.0)
    live = {minute: minute != START for minute in WHOLE}
    text, _ = month(devices=[device("bms1", "bms", WHOLE, live=live)])
    assert "(99.9 %)" in text


def test_an_incomplete_day_says_of_how_much_of_it_it_is() -> None:
    first = [hour(START + number * HOUR, pv_energy=100.0, load_energy=50.0) for number in range(6)]
    text, _ = month(hours=first, devices=[])
    assert "Sun 1 Nov 0.60 kWh 25 % 0.30 kWh 25 %" in text
    assert "Mon 2 Nov not known 0 % not known 0 %" in text
    assert "0.60 kWh energy made from 0.8 % of the month" in text


def test_capacity_is_told_with_how_far_off_it_may_be_and_its_trend() -> None:
    points = [CapacityPoint(START + day * 86400, 90.0 - day / 10, 2.5, 85.0, True) for day in (0, 10, 20, 28)]
    text, _ = month(capacity=points)
    assert "The battery still held 87 ± 2 Ah when it was last run down." in text
    assert "the last of 29 November: 87.2 ± 2.5 Ah, from a discharge 85 % deep." in text
    assert "Over 4 estimates the capacity changed by -3.00 ± 0.00 Ah in 30 days" in text


def test_without_a_full_cycle_capacity_is_not_known() -> None:
    earlier = [CapacityPoint(START - 86400, 90.0, 2.5, 85.0, True)]
    text, _ = month(capacity=earlier)
    assert "What the battery still holds is not known: there was no full cycle in this month." in text
    assert "A trend needs three estimates; there is 1 until now." in text


def test_alarms_are_counted_and_one_that_stands_is_told() -> None:
    events = [
        Event(START + number, "bms1", "soc_low", begins, "state of charge below 20 %")
        for number, begins in enumerate((True, False, True))
    ]
    text, _ = month(events=events)
    assert "bms1 soc_low 2 × still on state of charge below 20 %" in text


def test_readings_that_were_given_up_are_told_with_their_reason() -> None:
    text, _ = month(losses=[Loss((START + HOUR, START + 2 * HOUR), 30, "journal_thinned")])
    assert "1 Nov 01:00 1 Nov 02:00 30 thinned on the gateway, whose disk was nearly full" in text


def test_a_month_that_is_not_over_says_until_when() -> None:
    half = november("2026-11-12 12:00")
    text, told = month(
        period=half, hours=[hour(start, pv_energy=1.0, load_energy=1.0) for start in range(START, half.end, HOUR)]
    )
    assert "the month is not over: until 12 November 12:00" in text
    assert "from 100 % of the month so far" in text
    assert [day.made.is_complete for day in told.days] == [*[True] * 11, False]


def test_names_from_outside_are_shown_as_they_are_and_do_nothing() -> None:
    text, _ = month(unit='<script>alert("x")</script>', site="a & b", baseline=BASELINE)
    assert "&lt;script&gt;" in text
    assert "a &amp; b" in text


@pytest.mark.parametrize("name", ["http://", "https://", "url(h", "src=", "@import", "<link", "<script"])
def test_the_page_refers_to_nothing_outside(name: str) -> None:
    told = report.make(history(), PERIOD, BASELINE)
    page = render(told, "influx", datetime(2026, 12, 2, tzinfo=ZONE))
    assert name not in page.replace("http://www.w3.org/2000/svg", "")


def test_the_same_month_gives_the_same_page() -> None:
    assert month()[0] == month()[0]
