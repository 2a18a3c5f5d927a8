"""Stand-in of a Renogy Rover charge controller, written from its register map and not from any driver here.

Quirks of the real device that it reproduces:

- Function 3 only. A span is refused whole with exception 2 for one register that is not there (solarthing issue 16).
  Live values end at 0x0122, which is the low word of the fault bits.
- 32-bit numbers have the high word first; every defined fault bit stands in the high word.
- Temperatures are two bytes of one register, each with its sign in bit 7 and no two's complement.
- Energies are whole Wh (captured). Every current is a magnitude.
- The stage "boost" is charging at the boost voltage; at night the controller is off.

Not reproduced: history records, the answer to address 0xFF, and writes, which the bus refuses before they come here.
Sources: Renogy's "Rover Modbus" document, captures of gauthig/firefly-touch, cyrils/renogy-bt.
"""

from collections.abc import Callable
from typing import ClassVar

from pymodbus.constants import ExcCodes

from hil_tests.model import ControllerReading, Moment
from hil_tests.registers import Registers
from hil_tests.truth import EXACT

_STATES = {"night": 0, "bulk": 2, "absorption": 4, "float": 5}
_LOAD_ON = 1 << 15


class RenogyRover:
    """Answers reads with what the controller measures at the moment `now` gives."""

    model = "renogy_rover"
    turnaround = 0.010
    resolution: ClassVar[dict[str, float]] = {
        "pv_voltage": 0.1,
        "pv_current": 0.01,
        "pv_power": 1,
        "battery_voltage": 0.1,
        "charge_current": 0.01,
        "load_voltage": 0.1,
        "load_current": 0.01,
        "load_power": 1,
        "energy_today": 1,
        "energy_total": 1,
        "controller_temperature": 1,
        "battery_temperature": 1,
        "stage": EXACT,
        "faults": EXACT,
        "charge_power": 4,  # a product: up to 20 A × 0.1 V, and 57 V × 0.01 A
    }
    words: ClassVar[dict[str, str]] = {"night": "off"}

    def __init__(self, now: Callable[[], Moment], address: int = 5) -> None:
        self.now = now
        self.address = self.reply_address = address

    def span(self, start: int, count: int) -> range:
        """The addresses that a request covers."""
        return range(start, start + count)

    def read(self, function: int, start: int, count: int) -> list[int] | ExcCodes:
        if function != 3:
            return ExcCodes.ILLEGAL_FUNCTION
        return _registers(self.now().controller, self.address).span(start, count)


def _registers(c: ControllerReading, address: int) -> Registers:
    registers = Registers()
    registers.put(0x000A, 48 << 8 | 40, 20 << 8)
    registers.text(0x000C, "  RNG-CTRL-RVR40", 8)
    registers.put(0x0014, 0x0001, 0x0203, 0x0001, 0x0000)
    registers.put_high_first(0x0018, 1_234_567)
    registers.put(0x001A, address)
    registers.put(0x0100, c.battery_soc * 100, c.battery_voltage * 10, c.charge_current * 100)
    registers.put(0x0103, _signed_byte(c.temperature) << 8 | _signed_byte(c.battery_temperature))
    registers.put(0x0104, c.battery_voltage * 10, c.load_current * 100, c.load_power)
    registers.put(0x0107, c.pv_voltage * 10, c.pv_current * 100, c.pv_power, 0)
    registers.put(0x010B, c.battery_voltage_range[0] * 10, c.battery_voltage_range[1] * 10, 2000, 500, 900, 300, 12, 8)
    registers.put(0x0113, c.pv_energy.today, c.load_energy.today, 400, 3, 250)
    registers.put_high_first(0x0118, c.pv_energy.total / 52)
    registers.put_high_first(0x011A, c.load_energy.total / 52)
    registers.put_high_first(0x011C, c.pv_energy.total)
    registers.put_high_first(0x011E, c.load_energy.total)
    registers.put(0x0120, (_LOAD_ON if c.load_current else 0) | _STATES[c.stage], 0, 0)
    return registers


def _signed_byte(celsius: float) -> int:
    magnitude = round(abs(celsius))
    return magnitude | 0x80 if celsius < 0 else magnitude
