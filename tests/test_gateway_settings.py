import re
from pathlib import Path

import pytest

from gateway import alarm_rules
from gateway.budget import Limits
from gateway.settings import load
from ingest.settings_file import SettingsError

EXAMPLE = Path(__file__).parent.parent / "deploy" / "gateway.example.toml"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The example with its secrets in place."""
    for name, kind in (("broker", "password"), ("database", "secret"), ("page", "pin")):
        (tmp_path / f"{name}.{kind}").write_text(f"{name}-secret\n", "utf-8")
    path = tmp_path / "gateway.toml"
    path.write_text(EXAMPLE.read_text("utf-8"), "utf-8")
    return path


def refusal(path: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        load(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    assert "-secret" not in text
    return text


def change(path: Path, old: str, new: str) -> Path:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    return path


def test_the_example_is_right_and_every_setting_in_it_arrives(example: Path) -> None:
    settings = load(example)
    assert settings.site == "lan-ha-bay"
    assert (settings.broker.host, settings.broker.port, settings.broker.user) == ("127.0.0.1", 1883, "gateway")
    assert settings.broker.password == "broker-secret"
    assert settings.journal_folder == Path("/var/lib/powerunit/journal")
    assert (settings.commit_interval, settings.forward_interval) == (5.0, 60.0)
    assert settings.budget == Limits(25_000_000, 600_000_000)
    assert settings.ignore_ntp is False
    assert settings.day_begins == 17
    assert settings.rules == alarm_rules.load(alarm_rules.DEFAULT)
    assert (settings.page.host, settings.page.port) == ("0.0.0.0", 8080)
    assert (settings.page.pin, settings.page.export_folder) == ("page-secret", None)
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('site = "lan-ha-bay"', "", "site: missing; give a text"),
        ('site = "lan-ha-bay"', 'site = ""', "site: ''; give"),
        ('site = "lan-ha-bay"', 'site = "a\\nb"', "in one line"),
        ('site = "lan-ha-bay"', 'site = "lan\\\\ha"', r"site: 'lan\\ha'; give a text without a backslash"),
        ('site = "lan-ha-bay"', 'site = "lan-ha-bay"\nsiet = 1', "siet: no such key; known here are"),
        ("day_kb = 25000", "day_kb = 0", "budget.day_kb: 0; give a whole number from 10 to 1000000000"),
        ("month_mb = 600", "month_mb = 0.5", "budget.month_mb: 0.5; give a whole number from 1 to 1000000"),
        ("month_mb = 600", "month_gb = 1", "budget.month_gb: no such key; known here are day_kb, month_mb"),
        ("[broker]", "[brokers]", "broker: missing; give a table [broker]"),
        ('host = "127.0.0.1"', 'host = "a..b"', "broker.host: 'a..b'; give a host name or an address"),
        ('host = "0.0.0.0"', 'host = "bay page"', "page.host: 'bay page'; give a host name or an address"),
        ("port = 1883", "port = 0", "broker.port: 0; give a whole number from 1 to 65535"),
        ("port = 1883", 'port = "1883"', "broker.port: '1883'; give"),
        ("port = 1883", "port = true", "broker.port: True; give"),
        ("port = 1883", "port = 1883\ntls = true", "broker.tls: no such key; known here are host"),
        ("interval = 60", "interval = 0", "forward.interval: 0; give seconds from 1 to 3600"),
        ("interval = 60", "interval = nan", "forward.interval: nan; give seconds"),
        ("limit_mb = 4000", "limit_mb = 4", "journal.limit_mb: 4; give a whole number from 16 to 1000000"),
        ("commit_interval = 5", "commit_interval = 30", "journal.commit_interval: 30; give seconds from 0.1 to 10"),
        ("interval = 60", "interval = = 30", "line"),
        ('kind = "influxdb1"', 'kind = "influxdb9"', "database.kind: 'influxdb9'; give one of influxdb1, influxdb2"),
        ('kind = "influxdb1"', 'kind = "influxdb1"\norg = "trial"', "database.org: no such key; known here are kind"),
        ("port = 8080", "port = 80800", "page.port: 80800; give"),
        ("[page]", "[page]\n[pagers]\n[pages]", "page.host: missing"),
        ("[page]", "[pagers]\n[page]", "pagers: no such key; known here are broker"),
        ("ignore_ntp = false", "ignore_ntp = 0", "clock.ignore_ntp: 0; give true or false"),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(example: Path, old: str, new: str, told: str) -> None:
    assert told in refusal(change(example, old, new))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("port = 8080", "port = 80800", "port = 80800"),
        ("port = 8080", "port = 8080\nprot = 1", "prot = 1"),
        ("port = 8080", "", "[page]"),
        ("interval = 60", "interval = = 30", "interval = = 30"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(example: Path, old: str, new: str, told: str) -> None:
    lines = change(example, f"\n{old}", f"\n{new}").read_text("utf-8").splitlines()
    (number,) = [number for number, line in enumerate(lines, 1) if line.startswith(told)]
    assert re.search(rf"(:|line ){number}\b", refusal(example))


def test_a_file_that_is_not_there_names_the_one_to_start_from(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    assert refusal(path) == f"{path}: no such file; copy deploy/gateway.example.toml to it and fill it in"


def test_a_password_file_that_is_wrong_is_named(example: Path) -> None:
    (example.parent / "broker.password").write_text("two\nlines\n", "utf-8")
    assert "broker.password_file: " in refusal(example)


def test_a_service_managers_credentials_stand_for_the_files_beside_the_settings(example: Path, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    for name in ("broker.password", "database.secret", "page.pin"):
        (tmp_path / name).rename(credentials / name)
    assert load(example, credentials).broker.password == "broker-secret"
    assert f"{tmp_path}/broker.password': No such file" in refusal(example)


def test_the_commit_interval_may_be_left_out(example: Path) -> None:
    assert load(change(example, "commit_interval = 5", "# none")).commit_interval == 5.0


def test_without_a_budget_nothing_is_limited(example: Path) -> None:
    unlimited = change(change(change(example, "[budget]", "# none"), "day_kb", "# day_kb"), "month_mb", "# month_mb")
    assert load(unlimited).budget == Limits()


def test_a_budget_may_be_for_the_month_alone(example: Path) -> None:
    assert load(change(example, "day_kb", "# day_kb")).budget == Limits(None, 600_000_000)


def test_changed_alarm_rules_are_found_beside_the_settings(example: Path) -> None:
    changed = (alarm_rules.DEFAULT).read_text("utf-8").replace("after = 300", "after = 77")
    (example.parent / "alarms.toml").write_text(changed, "utf-8")
    assert load(change(example, '# rules = "alarms.toml"', 'rules = "alarms.toml"')).rules.silent == 77_000


def test_wrong_alarm_rules_are_named_by_their_own_file(example: Path) -> None:
    change(example, '# rules = "alarms.toml"', 'rules = "alarms.toml"')
    with pytest.raises(SettingsError, match=r"alarms\.toml: no such file; copy gateway/alarm_rules\.toml to it"):
        load(example)


def test_the_page_may_have_no_pin_and_then_has_no_actions(example: Path) -> None:
    page = load(change(example, 'pin_file = "page.pin"', "# none")).page
    assert (page.pin, page.export_folder) == (None, None)


def test_an_export_folder_needs_a_pin(example: Path) -> None:
    change(example, "# export_folder = ", "export_folder = ")
    assert load(example).page.export_folder == Path("/media/stick/powerunit")
    change(example, 'pin_file = "page.pin"', "# none")
    assert "page.export_folder: '/media/stick/powerunit'; give pin_file, too" in refusal(example)


def test_a_short_pin_is_refused_and_not_shown(example: Path) -> None:
    (example.parent / "page.pin").write_text("12345\n", "utf-8")
    text = refusal(example)
    assert "page.pin_file: 'page.pin'; put at least 6 digits or letters" in text
    assert "12345" not in text
