from dataclasses import replace

from prometheus_client.parser import text_string_to_metric_families

from gateway.message import StatusMessage
from gateway.page.metrics import metrics
from gateway.page.state import Rooms
from gateway.standing import Alarm
from tests.gateway_stand_ins import BOOT, UNIT, UTC_2026
from tests.test_gateway_page import client
from tests.test_gateway_page_state import Page

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(rooms: Rooms) -> Samples:
    """As Prometheus reads them: by name and labels."""
    text = metrics(rooms, disk_free=5_000_000_000).decode("utf-8")
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation and family.name.startswith("powerunit_") for family in families)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((f"powerunit_{name}", tuple(sorted(labels.items()))))


def test_before_anything_is_known_there_is_no_sample_for_it() -> None:
    found = samples(Page().rooms)
    assert value(found, "readings_received_total") == 0
    assert value(found, "broker_up") == 0
    assert value(found, "backlog_age_seconds") == 0
    assert value(found, "last_write_age_seconds") is None
    assert value(found, "disk_free_bytes") == 5_000_000_000


def test_readings_backlog_and_duplicates_are_counted() -> None:
    page = Page()
    page.hear(0, t=UTC_2026 - 10_000)
    page.hear(0, t=UTC_2026 - 10_000)
    page.bench.clocks.forward(2000)
    found = samples(page.rooms)
    assert (value(found, "readings_received_total"), value(found, "readings_duplicate_total")) == (1, 1)
    assert (value(found, "backlog_readings"), value(found, "backlog_age_seconds")) == (1, 12)
    page.rooms.forwarder.step()
    page.bench.clocks.forward(3000)
    found = samples(page.rooms)
    assert (value(found, "backlog_readings"), value(found, "backlog_age_seconds")) == (0, 0)
    assert (value(found, "database_up"), value(found, "last_write_age_seconds")) == (1, 3)


def test_each_unit_and_device_says_when_it_was_last_seen() -> None:
    page = Page()
    page.hear(0)
    page.bench.units.status(StatusMessage(UNIT, online=True, boot=BOOT, firmware=None))
    page.bench.clocks.forward(5000)
    found = samples(page.rooms)
    assert value(found, "device_last_seen_age_seconds", unit=UNIT, device="bms1") == 5.1
    assert value(found, "unit_last_acknowledged_age_seconds", unit=UNIT) == 5
    assert value(found, "unit_online", unit=UNIT) == 1


def test_the_clocks_state_is_told() -> None:
    page = Page()
    found = samples(page.rooms)
    assert (value(found, "clock_trusted"), value(found, "clock_ntp_synchronised")) == (1, 0)
    page.bench.clocks.ntp_error = 10
    found = samples(page.rooms)
    assert (value(found, "clock_ntp_synchronised"), value(found, "clock_offset_seconds")) == (1, 0)


def test_a_disk_in_trouble_shows() -> None:
    page = Page()
    page.bench.disk.full = True
    page.hear(0)
    assert value(samples(page.rooms), "journal_up") == 0


def test_prometheus_is_told_the_formats_name() -> None:
    response = client().get("/metrics")
    assert (response.status_code, response.content) == (200, b"up 1\n")
    assert response.headers["content-type"].startswith("text/plain; version=")


def test_what_is_sent_against_the_budget_and_the_open_alarms_are_told() -> None:
    page = Page()
    page.rooms.forwarder.budget.spend(700)
    found = samples(replace(page.rooms, alarms=lambda: {(UNIT, "bms1", "soc_low"): Alarm(UTC_2026, 19.0, "low")}))
    assert (value(found, "sent_today_bytes"), value(found, "sent_month_bytes")) == (700, 700)
    assert (value(found, "budget_day_bytes"), value(found, "budget_month_bytes")) == (10**9, None)
    assert value(found, "alarms_open") == 1
