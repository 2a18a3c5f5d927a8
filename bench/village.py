"""Readings of a made-up village, as its boards publish them: the rig's power units, polled every 10 s, with 54 values
in a pair of BMS and charge-controller readings; and units of 41 values at rest, of which only the noise is heard.
"""

import json
import random
from collections.abc import Iterator
from functools import cache
from itertools import count, islice
from typing import Any

from gateway.message import ReadingMessage, parse
from hil_tests.battery import CELLS
from hil_tests.model import Moment, PowerUnit

POLL_SECONDS = 10
MORNING = 1_795_051_800
"""2026-11-18, 09:30 at Lan Ha Bay, in UTC seconds: sun, load and battery all move."""


Polls = Iterator[tuple[int, list[tuple[str, bytes]]]]
"""Without end: the time of a poll in UTC ms, and all that the units publish then as (unit, payload)."""


def polls(units: int) -> Polls:
    """The rig's units."""
    models = {f"raft-{unit + 1:02}": PowerUnit(unit, MORNING) for unit in range(units)}
    for poll in count():
        t = MORNING + POLL_SECONDS * poll
        moments = {unit: model.at(t) for unit, model in models.items()}
        yield (
            t * 1000,
            [
                reading
                for unit, moment in moments.items()
                for reading in _readings(unit, poll, _bms(moment), _controller(moment))
            ],
        )


def polls_at_rest(units: int) -> Polls:
    """Units of 41 values at rest."""
    noise = random.Random(1)
    for poll in count():
        yield (
            (MORNING + POLL_SECONDS * poll) * 1000,
            [
                reading
                for unit in range(units)
                for reading in _readings(f"raft-{unit + 1:02}", poll, _resting_bms(noise), _resting_controller(noise))
            ],
        )


def messages(readings: int, units: int) -> Iterator[tuple[int, ReadingMessage]]:
    """So many readings, each with its time in UTC ms."""
    everything = ((utc_ms, *reading) for utc_ms, published in polls(units) for reading in published)
    for utc_ms, unit, payload in islice(everything, readings):
        message = parse(f"powerunit/v1/{unit}/reading", payload)
        if not isinstance(message, ReadingMessage):
            raise TypeError("the topic of a reading gave no reading")
        yield utc_ms, message


def _readings(unit: str, poll: int, bms: dict[str, Any], controller: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    devices = (
        {"device": "bms1", "model": "jk_pb", "measurement": "bms", "signals": bms},
        {"device": "pv1", "model": "epever_tracer", "measurement": "charge_controller", "signals": controller},
    )
    for nth, said in enumerate(devices):
        up, seq = 1000 * POLL_SECONDS * poll + 350 * nth, 2 * poll + nth
        identity = {"boot": _boot(unit), "seq": seq, "oldest": seq, "up": up, "t": None, "sent": up + 40}
        yield unit, json.dumps(identity | said).encode()


@cache
def _boot(unit: str) -> str:
    return unit.encode().hex()[-12:]


def _bms(moment: Moment) -> dict[str, Any]:
    bms = moment.bms
    cells = {f"cell_{cell:02}_voltage": voltage for cell, voltage in zip(range(1, CELLS + 1), bms.cells, strict=True)}
    low, high = min(bms.cells), max(bms.cells)
    return {
        **cells,
        "mosfet_temperature": bms.mosfet_temperature,
        "pack_voltage": bms.pack_voltage,
        "current": bms.current,
        **{f"temperature_{sensor}": value for sensor, value in enumerate(bms.temperatures, 1)},
        "protections": 0,
        "warnings": 0,
        "balancing": bms.balance_current != 0,
        "soc": round(100 * bms.soc),
        "remaining_capacity": round(bms.remaining_capacity, 3),
        "full_capacity": round(bms.full_capacity, 3),
        "cycles": bms.cycles,
        "soh": round(100 * bms.soh),
        "charge_mosfet": bms.charge_mosfet,
        "discharge_mosfet": bms.discharge_mosfet,
        "cell_voltage_min": low,
        "cell_voltage_max": high,
        "cell_voltage_spread": round(high - low, 3),
    }


def _controller(moment: Moment) -> dict[str, Any]:
    controller = moment.controller
    energy = controller.pv_energy
    return {
        "pv_voltage": round(controller.pv_voltage, 2),
        "pv_current": round(controller.pv_current, 2),
        "pv_power": round(controller.pv_power, 2),
        "battery_voltage": round(controller.battery_voltage, 2),
        "charge_current": round(controller.charge_current, 2),
        "charge_power": round(controller.charge_power, 2),
        "load_voltage": round(controller.battery_voltage, 2),
        "load_current": round(controller.load_current, 2),
        "load_power": round(controller.load_power, 2),
        "battery_temperature": round(controller.battery_temperature, 2),
        "controller_temperature": round(controller.temperature, 2),
        "stage": controller.stage,
        "faults": 0,
        "energy_today": round(energy.today, -1),
        "energy_total": round(energy.total, -1),
        "battery_net_current": round(controller.battery_current, 2),
    }


def _resting_bms(noise: random.Random) -> dict[str, Any]:
    cells = {f"cell_{cell:02}_voltage": round(3.29 + noise.gauss(0, 0.0007), 3) for cell in range(1, CELLS + 1)}
    return {
        "pack_voltage": round(sum(cells.values()), 3),
        "current": round(noise.gauss(4, 0.02), 3),
        "soc": 64,
        "soh": 97,
        "cycles": 312,
        **cells,
        **{f"temperature_{sensor}": 28.4 for sensor in range(1, 5)},
        "warnings": 0,
    }


def _resting_controller(noise: random.Random) -> dict[str, Any]:
    return {
        "pv_voltage": round(noise.gauss(83, 0.1), 2),
        "pv_current": round(noise.gauss(3.5, 0.01), 2),
        "pv_power": round(noise.gauss(290, 1), 2),
        "battery_voltage": round(noise.gauss(52.6, 0.01), 2),
        "charge_current": round(noise.gauss(5.3, 0.02), 2),
        "charge_power": round(noise.gauss(280, 1), 2),
        "load_voltage": 52.6,
        "load_current": 1.5,
        "load_power": 78.9,
        "controller_temperature": 41.2,
        "battery_temperature": 28.4,
        "stage": "bulk",
        "faults": 0,
        "energy_today": 1270,
        "energy_total": 1_480_270,
    }
