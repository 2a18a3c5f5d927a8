"""Stand-in of a Daly Smart BMS in its two maps, written from their register maps and not from any driver here.

Quirks of the real devices that it reproduces:

- The D2 map has the fixed slave address 0xD2. The p81 map is asked at 0x80 + n and answers from 0x50 + n (captured:
  asked at 0x81, answered from 0x51).
- Currents have an offset of 30000, temperatures one of 40; positive is charging. Power is a magnitude.
- 62 registers are answered by every D2, 80 by newer firmware (`newer`); more is refused.
- What lies past the number of sensors reads 40, that is 0 °C (captured). Cells that are not there read 0; a p81 gives
  0xFFFF for what it does not know.

Not reproduced: settings, texts, sleep. Sources: syssi/esphome-daly-bms register map and captures, Daly's Modbus
document.
"""

from collections.abc import Callable
from typing import ClassVar

from pymodbus.constants import ExcCodes

from hil_tests.battery import BmsReading
from hil_tests.model import Moment
from hil_tests.registers import Registers, bitmap
from hil_tests.truth import EXACT, FLAGS, cells, temperatures

_NO_CURRENT, _ZERO_CELSIUS, _UNKNOWN = 30_000, 40, 0xFFFF


class Daly:
    """The D2 map. Answers reads with what the BMS measures at the moment `now` gives."""

    model = "daly"
    turnaround = 0.0
    resolution: ClassVar[dict[str, float]] = cells(16) | temperatures(4, 1) | FLAGS
    resolution |= {"pack_voltage": 0.1, "current": 0.1, "soc": 0.1, "remaining_capacity": 0.1, "cycles": EXACT}
    resolution |= {"mosfet_temperature": 1}
    words: ClassVar[dict[str, str]] = {}

    def __init__(self, now: Callable[[], Moment], address: int = 0xD2, newer: bool = True) -> None:
        self.now = now
        self.address = self.reply_address = address
        self.newer = newer

    def span(self, start: int, count: int) -> range:
        """The addresses that a request covers."""
        return range(start, start + count)

    def read(self, function: int, start: int, count: int) -> list[int] | ExcCodes:
        if function != 3:
            return ExcCodes.ILLEGAL_FUNCTION
        registers = _d2(self.now().bms)
        if not self.newer:
            registers = Registers({address: value for address, value in registers.items() if address < 62})
        return registers.span(start, count)


class DalyP81:
    """The p81 map. Answers reads with what the BMS measures at the moment `now` gives."""

    model = "daly_p81"
    turnaround = 0.0
    resolution: ClassVar[dict[str, float]] = {
        name: step for name, step in Daly.resolution.items() if name not in ("balancing", "protections", "warnings")
    }
    words: ClassVar[dict[str, str]] = {}

    def __init__(self, now: Callable[[], Moment], address: int = 0x81) -> None:
        self.now = now
        self.address = address
        self.reply_address = address - 0x80 + 0x50

    def span(self, start: int, count: int) -> range:
        """The addresses that a request covers."""
        return range(start, start + count)

    def read(self, function: int, start: int, count: int) -> list[int] | ExcCodes:
        if function != 3:
            return ExcCodes.ILLEGAL_FUNCTION
        return _p81(self.now().bms).span(start, count)


def _d2(bms: BmsReading) -> Registers:
    registers = Registers(dict.fromkeys(range(80), 0))
    millivolts = [volts * 1000 for volts in bms.cells]
    warm = [celsius + _ZERO_CELSIUS for celsius in bms.temperatures]
    registers.put(0x00, *millivolts)
    registers.put(0x20, *warm, _ZERO_CELSIUS, _ZERO_CELSIUS)
    registers.put(0x28, bms.pack_voltage * 10, bms.current * 10 + _NO_CURRENT, bms.soc * 1000)
    registers.put(0x2B, max(millivolts), min(millivolts), max(warm), min(warm), _state(bms))
    registers.put(0x30, bms.remaining_capacity * 10, len(millivolts), len(warm), bms.cycles)
    registers.put(0x34, 2 if bms.balance_current else 0, bms.charge_mosfet, bms.discharge_mosfet)
    registers.put(0x37, sum(millivolts) / 16, max(millivolts) - min(millivolts), abs(bms.pack_voltage * bms.current))
    hot = [8, 9, 12, 13] * bms.over_temperature
    registers.put(0x3A, bitmap([0, 1] * bms.over_voltage + [2, 3] * bms.under_voltage + hot))
    registers.put(0x40, bms.balance_current * 1000 + _NO_CURRENT)
    registers.put(0x42, bms.mosfet_temperature + _ZERO_CELSIUS)
    return registers


def _p81(bms: BmsReading) -> Registers:
    registers = Registers(dict.fromkeys(range(0x40), 0) | dict.fromkeys(range(0x41, 0x7F), _UNKNOWN))
    millivolts = [volts * 1000 for volts in bms.cells]
    warm = [celsius + _ZERO_CELSIUS for celsius in bms.temperatures]
    registers.put(0x00, *millivolts)
    registers.put(0x30, *warm)
    registers.put(0x38, bms.pack_voltage * 10, bms.current * 10 + _NO_CURRENT, bms.soc * 1000, 150)
    registers.put(0x3C, len(millivolts), len(warm), max(millivolts), millivolts.index(max(millivolts)) + 1)
    registers.put(0x43, max(warm), 1, min(warm), 1, 0, _state(bms))
    registers.put(0x4B, bms.remaining_capacity * 10, bms.cycles)
    registers.put(0x52, bms.charge_mosfet, bms.discharge_mosfet, 0, 0)
    registers.put(0x57, sum(millivolts) / 16, abs(bms.pack_voltage * bms.current))
    registers.put(0x5A, bms.mosfet_temperature + _ZERO_CELSIUS, bms.mosfet_temperature + _ZERO_CELSIUS)
    return registers


def _state(bms: BmsReading) -> int:
    return 1 if bms.current > 0 else 2
