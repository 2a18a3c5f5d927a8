"""`/metrics`: how the gateway does, in the text format of Prometheus. Names end in their unit, as Prometheus wants it.

What has no value yet has no sample. Format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from gateway.page.state import Rooms


def metrics(rooms: Rooms, disk_free: int) -> bytes:
    """All of them as they are now; `disk_free` is in bytes."""
    registry = CollectorRegistry()
    registry.register(_Collector(rooms, disk_free))
    return generate_latest(registry)


class _Collector:
    def __init__(self, rooms: Rooms, disk_free: int) -> None:
        self._rooms = rooms
        self._disk_free = disk_free

    def collect(self) -> Iterator[Metric]:
        rooms = self._rooms
        journal, committer, forwarder = rooms.journal, rooms.committer, rooms.forwarder
        budget = forwarder.budget
        now, utc, oldest = rooms.clock.boottime(), rooms.clock.utc_ms(), rooms.journal.oldest_time()
        age = None if oldest is None or utc is None else max(0, utc - oldest) / 1000
        if oldest is None and not journal.pending_readings:
            age = 0.0
        written = forwarder.last_written
        yield _counter("readings_received", "New readings since the start", committer.received)
        yield _counter("readings_duplicate", "Readings that were already stored, since the start", committer.duplicates)
        yield _counter("dead_letters", "What could not be taken in or written, ever", rooms.dead_letters.count)
        yield _gauge("backlog_readings", "Readings that the database has not acknowledged", journal.pending_readings)
        yield _gauge("undated_readings", "Those of them without a time", sum(journal.undated_readings().values()))
        yield _gauge("backlog_age_seconds", "Age of the oldest of them", age)
        yield _gauge("journal_damages", "Damaged stretches found at the start", journal.damages)
        yield _gauge("sent_today_bytes", "Sent to the database since midnight UTC", budget.day_bytes)
        yield _gauge("sent_month_bytes", "Sent to the database since the month began, UTC", budget.month_bytes)
        yield _gauge("budget_day_bytes", "What may be sent in a day", budget.limits.day)
        yield _gauge("budget_month_bytes", "What may be sent in a month", budget.limits.month)
        yield _gauge("alarms_open", "Alarms that stand", len(rooms.alarms()))
        yield _gauge("disk_free_bytes", "Free where the journal is", self._disk_free)
        yield _gauge("clock_trusted", "1 when the gateway knows the time", rooms.clock.trusted)
        yield _gauge("clock_ntp_synchronised", "1 while the kernel says that NTP steers the clock", rooms.clock.steered)
        yield _gauge("clock_offset_seconds", "Trusted time minus the system clock", rooms.clock.system_error())
        yield _gauge("broker_up", "1 while the broker is connected", rooms.receiver.broker.trouble is None)
        yield _gauge("database_up", "1 while the database takes readings", forwarder.database.trouble is None)
        yield _gauge("journal_up", "1 while the disk takes readings", committer.disk.trouble is None)
        yield _gauge("last_write_age_seconds", "Since the database took readings", _seconds(now, written))
        yield from self._units(now)

    def _units(self, now: int) -> Iterator[Metric]:
        seen = GaugeMetricFamily(
            "powerunit_device_last_seen_age_seconds", "Since it was read", labels=["unit", "device"]
        )
        kept = GaugeMetricFamily(
            "powerunit_unit_last_acknowledged_age_seconds", "Since its readings were kept", labels=["unit"]
        )
        online = GaugeMetricFamily("powerunit_unit_online", "1 while it is connected to the broker", labels=["unit"])
        for name, unit in self._rooms.units.snapshot().items():
            for device, latest in sorted(unit.devices.items()):
                if latest.taken is not None:
                    seen.add_metric([name, device], max(0, now - latest.taken) / 1000)
            if unit.acknowledged is not None:
                kept.add_metric([name], (now - unit.acknowledged) / 1000)
            if unit.online is not None:
                online.add_metric([name], unit.online)
        yield from (seen, kept, online)


def _seconds(now: int, then: int | None) -> float | None:
    return None if then is None else (now - then) / 1000


def _gauge(name: str, help_text: str, value: float | None) -> Metric:
    family = GaugeMetricFamily(f"powerunit_{name}", help_text)
    if value is not None:
        family.add_metric([], value)
    return family


def _counter(name: str, help_text: str, value: float) -> Metric:
    return CounterMetricFamily(f"powerunit_{name}", help_text, value)
