"""A soak of half a minute with ten times as many faults, and what its record says."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hil_tests.faults import schedule
from hil_tests.ledger import ExpectedReading
from hil_tests.processes import Flatness
from hil_tests.soak import run_faults, seconds_before_a_cut
from hil_tests.soak_record import Outcome, write

GROWING = Flatness("gateway", 1, 60, 3000.0, 4e7, 12.0, 60_000_000, 12, 2e7, 0.0)
KEPT = Outcome(60.0, 100, 98, 0, 2, 1.5, 0, 0, 0, 0, 0, 0, [], [], [], [])


def test_half_a_minute_of_faults_breaks_no_promise(tmp_path: Path) -> None:
    outcome = run_faults(tmp_path, schedule(4, 25.0, haste=20.0), 25.0, settling=8.0, sample_every=5.0)
    assert outcome.kept, (outcome.line(), outcome.broken, outcome.examples)
    assert outcome.readings > 10
    assert {fault.lane for fault in outcome.faults} >= {"bus", "village", "link"}
    assert {"gateway", "mosquitto", "InfluxDB", "board"} <= {each.name for each in outcome.processes}


@pytest.mark.parametrize(
    "fall",
    [
        *({name: 1} for name in ("lost", "duplicated", "mistimed", "wrong", "foreign", "write_attempts")),
        {"readings": 0},
        {"broken": ["Gateway ended by itself"]},
        {"processes": [GROWING]},
    ],
    ids=str,
)
def test_each_fall_breaks_the_promise(fall: dict[str, object]) -> None:
    assert KEPT.kept
    assert not replace(KEPT, **fall).kept  # type: ignore[arg-type]


def test_the_record_is_a_page_and_the_same_as_json(tmp_path: Path) -> None:
    outcome = replace(KEPT, processes=[GROWING])
    page = write(tmp_path / "soak", outcome, seed=7, hours=0.5, began=datetime(2026, 11, 25, 7, tzinfo=UTC))
    assert page.name == "2026-11-25-0.5h-seed-7.md"
    text = page.read_text("utf-8")
    assert "make soak HOURS=0.5 SEED=7" in text
    assert "| lost in the 30 s before a power cut of the board | 2 |" in text
    assert "| gateway | 1 | 60 | 3000 s | 40.0 | 60.0 | +20.00 | 12 | 12 | +0.0 | **no** |" in text
    record = json.loads(page.with_suffix(".json").read_text("utf-8"))
    assert (record["seed"], record["kept"], record["in_window"]) == (7, False, 2)


def test_a_reading_belongs_to_the_next_cut() -> None:
    def ended(t: int) -> ExpectedReading:
        return ExpectedReading("bms1", t - 100, t, {})

    cuts = [100_000, 200_000]
    found = [seconds_before_a_cut(ended(t), cuts) for t in (69_999, 100_000, 100_001, 200_001)]
    assert found == [pytest.approx(30.001), 0.0, pytest.approx(99.999), float("inf")]
