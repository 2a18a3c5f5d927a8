"""Stand-in of a Morningstar TriStar MPPT charge controller, written from its register map and not from any driver here.

Quirks of the real device that it reproduces:

- Voltages, currents and powers are fractions of a full scale that the first four registers give: whole part and 2^16ths
  of V_PU, then of I_PU (specification's example: 78 and 934 are 78.014).
- Functions 3 and 4 read the same memory, 0x0000 to 0x005B; anything else is exception 2.
- A battery sensor that is not there reads 0x80. Energy of its life is whole kWh. There is no load terminal.
- 32-bit numbers have the high word first. Current is that of charging.

Not reproduced: EEPROM, coils, device identification, two stop bits. Sources: Morningstar "TriStar MPPT MODBUS
Specification" V10.2, aprsworld/pmodbusq. No capture of a real one is public.
"""

from collections.abc import Callable
from typing import ClassVar

from pymodbus.constants import ExcCodes

from hil_tests.model import ControllerReading, Moment
from hil_tests.registers import Registers
from hil_tests.truth import EXACT

_VOLTS, _AMPERES = (180, 16_384), (78, 934)
V_PU = _VOLTS[0] + _VOLTS[1] / 65536
I_PU = _AMPERES[0] + _AMPERES[1] / 65536
_STATES = {"night": 3, "bulk": 5, "absorption": 6, "float": 7}
_MEMORY = range(0x5C)


class TristarMppt:
    """Answers reads with what the controller measures at the moment `now` gives."""

    model = "morningstar_tristar"
    turnaround = 0.0
    resolution: ClassVar[dict[str, float]] = {
        **dict.fromkeys(("pv_voltage", "battery_voltage"), V_PU / 2**15 + 0.001),
        **dict.fromkeys(("pv_current", "charge_current"), I_PU / 2**15 + 0.001),
        **dict.fromkeys(("pv_power", "charge_power"), V_PU * I_PU / 2**17 + 0.1),
        "energy_today": 1,
        "energy_total": 1000,
        "stage": EXACT,
        "faults": EXACT,
        "controller_temperature": 1,
        "battery_temperature": 1,
    }
    words: ClassVar[dict[str, str]] = {}

    def __init__(self, now: Callable[[], Moment], address: int = 6) -> None:
        self.now = now
        self.address = self.reply_address = address

    def span(self, start: int, count: int) -> range:
        """The addresses that a request covers."""
        return range(start, start + count)

    def read(self, function: int, start: int, count: int) -> list[int] | ExcCodes:
        if function not in (3, 4):
            return ExcCodes.ILLEGAL_FUNCTION
        return _memory(self.now().controller).span(start, count)


def _memory(c: ControllerReading) -> Registers:
    def volts(value: float) -> float:
        return value * 2**15 / V_PU

    def amperes(value: float) -> float:
        return value * 2**15 / I_PU

    def watts(value: float) -> float:
        return value * 2**17 / (V_PU * I_PU)

    memory = Registers(dict.fromkeys(_MEMORY, 0))
    memory.put(0x00, *_VOLTS, *_AMPERES, 0x0012)
    memory.put(0x18, *[volts(c.battery_voltage)] * 3, volts(c.pv_voltage))
    memory.put(0x1C, amperes(c.charge_current), amperes(c.pv_current))
    memory.put(0x23, c.temperature, c.battery_temperature, c.battery_temperature)
    memory.put(0x26, volts(c.battery_voltage), amperes(c.charge_current))
    memory.put_high_first(0x2A, 12_345)
    memory.put(0x32, _STATES[c.stage], volts(56))
    memory.put(0x38, c.pv_energy.total / 1000, c.pv_energy.total / 1000)
    memory.put(0x3A, watts(c.charge_power), watts(c.pv_power))
    memory.put(0x40, volts(c.battery_voltage_range[0]), volts(c.battery_voltage_range[1]), volts(c.pv_voltage_range[1]))
    memory.put(0x43, c.pv_energy.today / 5.2, c.pv_energy.today)
    return memory
