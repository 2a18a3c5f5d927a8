"""What the page shows, as one JSON document.

Of a unit it says when (`taken`, `acknowledged`, in boottime ms as `now` is) and not how long ago: so a unit's part
stays the same until something happened to it. Ages elsewhere are in seconds, and `backlog_gone_in`, which is None while
the backlog is not seen to shrink; the budget counts bytes, with None for no limit. None stands where there is nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gateway.clock import Clock
from gateway.commit import Committer
from gateway.deadletters import DeadLetters
from gateway.forward import Forwarder
from gateway.journal import Journal
from gateway.lines import LineMaker
from gateway.page.stick import Stick
from gateway.receive import Receiver
from gateway.standing import Alarm
from gateway.units import Latest, Unit, Units
from ingest.signals import catalogue

STALE_SECONDS = 60
"""Six missed polls at the usual period of 10 s. A value older than that is no longer the device's."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """The rooms of the gateway that the page looks into; it changes none of them."""

    site: str
    clock: Clock
    units: Units
    journal: Journal
    dead_letters: DeadLetters
    receiver: Receiver
    committer: Committer
    lines: LineMaker
    forwarder: Forwarder
    alarms: Callable[[], Mapping[tuple[str, str, str], Alarm]] = dict
    stick: Stick | None = None
    pin: bool = False


def state(rooms: Rooms) -> dict[str, Any]:
    """The page's document."""
    now = rooms.clock.boottime()
    utc = rooms.clock.utc_ms()
    oldest, written = rooms.journal.oldest_time(), rooms.forwarder.last_written
    budget = rooms.forwarder.budget
    return {
        "site": rooms.site,
        "now": now,
        "utc": utc,
        "stale_after": STALE_SECONDS,
        "clock": {
            "trusted": rooms.clock.trusted,
            "steered": rooms.clock.steered,
            "system_error": rooms.clock.system_error(),
        },
        "broker": {"trouble": rooms.receiver.broker.trouble},
        "journal": {
            "trouble": rooms.committer.disk.trouble,
            "damages": rooms.journal.damages,
            "backlog_readings": rooms.journal.pending_readings,
            "backlog_age": None if oldest is None or utc is None else max(0, utc - oldest) / 1000,
            "undated_readings": sum(rooms.journal.undated_readings().values()),
        },
        "database": {
            "trouble": rooms.forwarder.database.trouble or rooms.forwarder.setting_aside.trouble,
            "last_forwarded": None if written is None else max(0, now - written) / 1000,
            "bytes_sent_today": budget.day_bytes,
            "backlog_gone_in": rooms.forwarder.eta.seconds(),
            "budget": {
                "day": {"spent": budget.day_bytes, "limit": budget.limits.day},
                "month": {"spent": budget.month_bytes, "limit": budget.limits.month},
            },
        },
        "set_aside": {"dead_letters": rooms.dead_letters.count, "signals": rooms.lines.signals_set_aside},
        "alarms": [
            {"unit": unit, "device": device, "name": name, **asdict(alarm)}
            for (unit, device, name), alarm in rooms.alarms().items()
        ],
        "actions": {"pin": rooms.pin, "export": None if rooms.stick is None else rooms.stick.state()},
        "units": [_unit(name, unit, now) for name, unit in rooms.units.snapshot().items()],
    }


def healthy(rooms: Rooms) -> bool:
    """Whether the gateway can do what nobody else can: keep readings."""
    return rooms.committer.disk.trouble is None


def _unit(name: str, unit: Unit, now: int) -> dict[str, Any]:
    devices = [_device(device, latest, now) for device, latest in sorted(unit.devices.items())]
    return {
        "name": name,
        "online": unit.online,
        "firmware": unit.firmware,
        "acknowledged": unit.acknowledged,
        "wired": all(device["error"] is None and not device["stale"] for device in devices) if devices else None,
        "devices": devices,
    }


def _device(name: str, latest: Latest, now: int) -> dict[str, Any]:
    reading = latest.reading
    known = catalogue()[reading.measurement]
    return {
        "name": name,
        "model": reading.model,
        "measurement": reading.measurement,
        "taken": latest.taken,
        "stale": latest.taken is None or now - latest.taken > STALE_SECONDS * 1000,
        "error": reading.error,
        "board_clock": reading.t is not None,
        "values": {signal: reading.signals[signal] for signal in known if signal in reading.signals},
        "earlier": {signal: list(latest.earlier[signal]) for signal in known if signal in latest.earlier},
    }
