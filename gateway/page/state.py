"""What the page shows, as one JSON document. Every value comes with its age, and names and units from the catalogue."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.clock import Clock
from gateway.commit import Committer
from gateway.deadletters import DeadLetters
from gateway.forward import Forwarder
from gateway.journal import Journal
from gateway.lines import LineMaker
from gateway.receive import Receiver
from gateway.units import Latest, Unit, Units
from ingest.signals import catalogue

STALE_SECONDS = 60
"""Six missed polls at the usual period of 10 s. A value older than that is no longer the device's."""

MAIN_SIGNALS = {
    "bms": (
        "pack_voltage",
        "current",
        "soc",
        "cell_voltage_min",
        "cell_voltage_max",
        "cell_voltage_spread",
        "charge_mosfet",
        "discharge_mosfet",
    ),
    "charge_controller": ("pv_voltage", "pv_current", "pv_power", "stage"),
    "unit": ("wifi_rssi", "spool_readings"),
}
"""What a technician looks for first; the rest is folded away."""


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


def state(rooms: Rooms) -> dict[str, Any]:
    """The page's document; ages in seconds, None where there is nothing yet to have an age. `backlog_gone_in` is in
    seconds, None while the backlog is not seen to shrink; the budget counts bytes, with None for no limit.
    """
    now = rooms.clock.boottime()
    utc = rooms.clock.utc_ms()

    def age(then: int | None) -> float | None:
        return None if then is None else max(0, now - then) / 1000

    oldest = rooms.journal.oldest_time()
    budget = rooms.forwarder.budget
    return {
        "site": rooms.site,
        "utc": utc,
        "stale_after": STALE_SECONDS,
        "clock": {"trusted": rooms.clock.trusted, "system_error": rooms.clock.system_error()},
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
            "last_forwarded": age(rooms.forwarder.last_written),
            "bytes_sent_today": rooms.forwarder.bytes_sent_today,
            "backlog_gone_in": rooms.forwarder.eta.seconds(),
            "budget": {
                "day": {"spent": budget.day_bytes, "limit": budget.limits.day},
                "month": {"spent": budget.month_bytes, "limit": budget.limits.month},
            },
        },
        "set_aside": {"dead_letters": rooms.dead_letters.count, "signals": rooms.lines.signals_set_aside},
        "units": [_unit(name, unit, age) for name, unit in rooms.units.snapshot().items()],
    }


def healthy(rooms: Rooms) -> bool:
    """Whether the gateway can do what nobody else can: keep readings."""
    return rooms.committer.disk.trouble is None


def _unit(name: str, unit: Unit, age: Callable[[int | None], float | None]) -> dict[str, Any]:
    devices = [_device(device, latest, age(latest.taken)) for device, latest in sorted(unit.devices.items())]
    troubles = [device["trouble"] for device in devices if device["trouble"]]
    return {
        "name": name,
        "online": unit.online,
        "firmware": unit.firmware,
        "acknowledged": age(unit.acknowledged),
        "wired": None if not devices else not troubles,
        "wired_trouble": "; ".join(troubles) or None,
        "devices": devices,
    }


def _device(name: str, latest: Latest, age: float | None) -> dict[str, Any]:
    reading = latest.reading
    stale = age is None or age > STALE_SECONDS
    return {
        "name": name,
        "model": reading.model,
        "measurement": reading.measurement,
        "age": age,
        "stale": stale,
        "trouble": reading.error or (f"{name}: no reading lately" if stale else None),
        "values": [
            {
                "name": signal.name,
                "description": signal.description,
                "unit": signal.unit,
                "value": reading.signals[signal.name],
                "main": signal.name in MAIN_SIGNALS.get(reading.measurement, ()),
            }
            for signal in catalogue()[reading.measurement].values()
            if signal.name in reading.signals
        ],
    }
