from pathlib import Path

import pytest

from gateway.alarm_rules import DEFAULT, Limit, load
from gateway.standing import Flapping
from ingest.settings_file import SettingsError


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "alarms.toml"
    path.write_text(DEFAULT.read_text("utf-8"), "utf-8")
    return path


def refusal(path: Path, old: str, new: str) -> str:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(SettingsError) as caught:
        load(path)
    told = str(caught.value)
    assert told.startswith(f"{path}:")
    assert "\n" not in told
    return told


def test_the_rules_arrive_in_the_units_of_the_signals() -> None:
    rules = load(DEFAULT)
    assert rules.limits[0].limit == Limit("soc_low", -1, 20, 30, 60_000)
    assert (rules.limits[0].measurement, rules.limits[0].signals, rules.limits[0].unit) == ("bms", ("soc",), "%")
    hot = next(rule for rule in rules.limits if rule.limit.name == "cell_hot")
    assert hot.signals == tuple(f"temperature_{number}" for number in range(1, 9))
    assert (rules.silent, rules.clock, rules.implausible) == (300_000, 900_000, True)
    assert rules.disk == Limit("disk", -1, 3e8, 5e8, 60_000)
    assert rules.budget == Limit("budget", 1, 90, 80, 0)
    assert rules.flapping == Flapping(6, 600_000, 3_600_000)


def test_a_limit_has_hysteresis() -> None:
    below, above = Limit("low", -1, 20, 30, 0), Limit("high", 1, 50, 45, 0)
    assert [below.beyond(value) for value in (19.9, 20, 29.9, 30)] == [True, None, None, False]
    assert [above.beyond(value) for value in (50.1, 50, 45.1, 45)] == [True, None, None, False]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('signal = "soc"', 'signal = "state_of_charge"', "limit.1.signal: 'state_of_charge'; give a number of bms"),
        ('signal = "soc"', 'signal = "balancing"', "limit.1.signal: 'balancing'; give a number of bms"),
        ("below = 20", "below = 20\nabove = 30", "limit.1.above: 'and below'; give one of the two"),
        ("below = 20", "", "limit.1.above: 'nor below'; give one of the two"),
        ("clear = 30", "clear = 10", "limit.1.clear: 10; give a limit that is not below 'below'"),
        ("clear = 45", "clear = 55", "limit.4.clear: 55; give a limit that is not above 'above'"),
        ("clear = 30", "", "limit.1.clear: missing; give a number"),
        ("below = 20", 'below = "20 %"', "limit.1.below: '20 %'; give a number"),
        ("below = 20", "below = nan", "limit.1.below: nan; give a number"),
        ("delay = 60", "delay = -1", "limit.1.delay: -1; give seconds from 0 to 86400"),
        ('name = "soc_low"', 'name = "SOC low"', "limit.1.name: 'SOC low'; give a name of small letters"),
        ('name = "soc_very_low"', 'name = "soc_low"', "limit: 'soc_low'; give each limit a name of its own"),
        ("delay = 60", "delay = 60\nseverity = 1", "limit.1.severity: no such key"),
        ('["faults"]', '["stage"]', "bits.charge_controller: 'stage'; give a list of whole-number signals"),
        ('["faults"]', '"faults"', "bits.charge_controller: 'faults'; give a list of whole-number signals"),
        ("after = 300", "after = 100000", "silent.after: 100000; give seconds from 0 to 86400"),
        ("[clock]", "[clocks]", "clock: missing; give a table [clock]"),
        ("changes = 6", "changes = 1", "flapping.changes: 1; give a whole number from 2 to 100"),
        ("every = 3600", "every = 0.5h", "TOML"),
        ("implausible = true", 'implausible = "yes"', "implausible: 'yes'; give true or false"),
        ("after = 300", "after = ", "TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_the_way_out(rules: Path, old: str, new: str, told: str) -> None:
    assert told in refusal(rules, old, new)


def test_the_line_is_told(rules: Path) -> None:
    line = rules.read_text("utf-8").splitlines().index("below = 20              # %") + 1
    assert f":{line}: limit.1.below" in refusal(rules, "below = 20", "below = []")
