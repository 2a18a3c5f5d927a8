"""Stand-in of a BMS that speaks "PACE Modbus V1.3", in both layouts, written from its register map and not from any
driver here.

Quirks of the real devices that it reproduces:

- Register numbers are decimal (proved by a capture of 21 to 28). Function 3 only.
- V1.3 has cells from 15 on and temperatures from 31 on; what runs into the reserved registers from 37 on is refused
  whole with exception 2 (captured: 49 from 0). The extended layout counts the cells in 15 and the sensors in 46.
- A sensor that is not there reads −200.0 °C in V1.3 (JK's emulation) and 0 in the extended layout, where an environment
  sensor that is not there reads 0xFFFF. Cells that are not there read 0.
- Less than 100 ms after a frame it hears nothing (vendor's document).
- Current is signed, positive when charging.

Not reproduced: settings, texts, the ASCII protocol on the same socket. Sources: PACE "Modbus Protocol for RS485 V1.3",
captures of dnc392/rs485-bms-probe, fixtures of patman15/aiobmsble, gonzalop/wombatt.
"""

from collections.abc import Callable
from typing import ClassVar

from pymodbus.constants import ExcCodes

from hil_tests.battery import BmsReading
from hil_tests.model import Moment
from hil_tests.registers import Registers, bitmap
from hil_tests.truth import EXACT, FLAGS, cells, environment_temperature, temperatures


class Pace:
    """Answers reads with what the BMS measures at the moment `now` gives. Layout V1.3."""

    model = "pace"
    turnaround = 0.100
    resolution: ClassVar[dict[str, float]] = cells(16) | temperatures(4, 0.1) | FLAGS
    resolution |= {"pack_voltage": 0.01, "current": 0.01, "remaining_capacity": 0.01, "full_capacity": 0.01}
    resolution |= {"soc": 1, "soh": 1, "cycles": EXACT, "mosfet_temperature": 0.1, "environment_temperature": 0.1}
    words: ClassVar[dict[str, str]] = {}

    def __init__(self, now: Callable[[], Moment], address: int = 3) -> None:
        self.now = now
        self.address = self.reply_address = address

    def span(self, start: int, count: int) -> range:
        """The addresses that a request covers."""
        return range(start, start + count)

    def read(self, function: int, start: int, count: int) -> list[int] | ExcCodes:
        if function != 3:
            return ExcCodes.ILLEGAL_FUNCTION
        return self.registers(self.now().bms).span(start, count)

    def registers(self, bms: BmsReading) -> Registers:
        registers = _common(bms)
        registers.put(15, *(volts * 1000 for volts in bms.cells))
        registers.put(31, *(celsius * 10 for celsius in bms.temperatures))
        registers.put(35, bms.mosfet_temperature * 10, environment_temperature(bms) * 10)
        return registers


class PaceExtended(Pace):
    """The newer layout, on a board without an environment sensor and with two of its sensors fitted."""

    model = "pace_extended"
    resolution: ClassVar[dict[str, float]] = {
        name: step
        for name, step in Pace.resolution.items()
        if name not in ("temperature_3", "temperature_4", "environment_temperature")
    }

    def __init__(self, now: Callable[[], Moment], address: int = 4) -> None:
        super().__init__(now, address)

    def registers(self, bms: BmsReading) -> Registers:
        registers = _common(bms)
        registers.put(15, 16, *(volts * 1000 for volts in bms.cells), *[0] * 14)
        registers.put(46, 2, *(celsius * 10 for celsius in bms.temperatures[:2]), *[0] * 8)
        registers.put(57, bms.mosfet_temperature * 10, 0xFFFF)
        return registers


def _common(bms: BmsReading) -> Registers:
    registers = Registers()
    registers.put(0, bms.current * 100, bms.pack_voltage * 100, bms.soc * 100, bms.soh * 100)
    registers.put(4, bms.remaining_capacity * 100, bms.full_capacity * 100, 14_000, bms.cycles, 0)
    wrong = [0, 2] * bms.over_voltage + [1, 3] * bms.under_voltage + [8, 9] * bms.over_temperature
    charging = 8 if bms.current > 0 else 9
    registers.put(9, bitmap(wrong), bitmap(wrong))
    registers.put(11, bitmap([charging] + [10] * bms.charge_mosfet + [11] * bms.discharge_mosfet))
    registers.put(12, bitmap([bms.cells.index(max(bms.cells))]) if bms.balance_current else 0, 0, 0)
    return registers
