"""What an outage of the gateway costs the board's flash: readings of the rig's own sun, battery and devices go through
the board's spool on the real MicroPython and its LittleFS.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymodbus.constants import ExcCodes

from firmware.board.decode import Profile
from firmware.host.bundle import BOARD
from firmware.host.profile import load
from hil_tests.epever_device import EpeverTracer
from hil_tests.jk_pb_device import JkPb
from hil_tests.model import PowerUnit

SCRIPT = Path(__file__).parent.parent / "tests" / "board_suite" / "micropython" / "spool_cost.py"
PERIOD = 10
"""Seconds between two polls of a device; the board reads itself each sixth time."""
_HEALTH = ("uptime", "heap_free", "spool_readings", "readings_lost", "wifi_rssi", "reset_cause")
START = 1_795_500_000.0
"""UTC seconds, in the early morning."""


@dataclass(frozen=True, slots=True)
class SpoolCost:
    """Of `readings`, none of them acknowledged, in bytes.

    `written` is all that reached the flash, LittleFS's own included, `held` the blocks that the files take at the end,
    `in_use` those that LittleFS has in use. `taken` counts what comes out again, by measurement: of losses the readings
    that they tell of.
    """

    readings: int
    written: int
    erased_blocks: int
    held: int
    in_use: int
    taken: dict[str, int]


def spool_cost(folder: Path, hours: float, start: float = START) -> SpoolCost:
    """Of a 16-cell JK BMS, an EPEver controller and the board, for `hours` from `start` on. `folder` gets one file."""
    path = folder / "readings.jsonl"
    with path.open("w") as file:
        file.writelines(json.dumps(line) + "\n" for line in _lines(hours, start))
    result = subprocess.run(
        [Path(sys.executable).parent / "micropython", "-X", "heapsize=8m", SCRIPT, path],
        env={**os.environ, "MICROPYPATH": f".frozen:{BOARD}:{SCRIPT.parent}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(result.stdout + result.stderr)
    told = json.loads(result.stdout)
    return SpoolCost(
        told["readings"], told["written"], told["erased"], told["held"], told["blocks"] * told["block"], told["taken"]
    )


def _lines(hours: float, start: float) -> Iterator[Any]:
    unit = PowerUnit(7, start)
    at = start
    devices: list[tuple[str, JkPb | EpeverTracer, Profile]] = [
        ("bms1", JkPb(lambda: unit.at(at)), Profile(load("jk_pb").compiled())),
        ("mppt1", EpeverTracer(lambda: unit.at(at)), Profile(load("epever_tracer").compiled())),
    ]
    sources = {name: [profile.model, profile.measurement, profile.signals] for name, _, profile in devices}
    yield sources | {"board": ["esp32", "unit", _HEALTH]}
    for number in range(round(hours * 3600 / PERIOD)):
        for place, (name, device, profile) in enumerate(devices):
            up = 1000 * PERIOD * number + 600 * place
            at = start + up / 1000
            values: dict[str, Any] = {}
            for function, first, count in profile.reads:
                values.update(profile.decode(function, first, count, _data(device, function, first, count)))
            profile.complete(values)
            yield [name, up, values]
        if number % 6 == 0:
            numbers = ((up, 3), (20_000 + 16 * (number % 41), 0), (13 * number // 6, 0), (0, 0), (-60 - number % 7, 0))
            yield ["board", up, dict(zip(_HEALTH, numbers, strict=False)) | {"reset_cause": "power_on"}]


def _data(device: JkPb | EpeverTracer, function: int, start: int, count: int) -> bytes:
    registers = device.read(function, start, count)
    if isinstance(registers, ExcCodes):
        raise TypeError(f"the stand-in refuses {count} from {start:#06x} with function {function}")
    if function < 3:
        bits = sum(bit << place for place, bit in enumerate(registers))
        return bits.to_bytes(-(-count // 8), "little")
    return b"".join(register.to_bytes(2, "big") for register in registers)
