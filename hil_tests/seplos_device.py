"""Stand-in of a Seplos BMS V3, written from its register map and not from any driver here.

Quirks of the real device that it reproduces:

- Values are input registers (function 4), alarms are coils (function 1) whose addresses and counts are bits: byte n of
  the block at 0x1200 begins at 0x1200 + 8·n, its lowest bit first.
- Address 0 is a pack like any other, and is answered from 0 (captured).
- An unknown block or a span past the end of one is refused whole with exception 2 (captured: 0x1200 with a count of
  0x0900 bits).
- Temperatures are tenths of a kelvin without sign, 273.1 K being 0 °C. Cell sensors that are reserved read 0x0AAB.
- Current is signed, positive when charging (captured with both states). Capacities and current are hundredths.
- A reserved bit of the MOSFET byte is set (captured: 0x43).

Not reproduced: settings, texts, the system blocks of packs in parallel, a stray byte before a frame (the hub can do
that to any reply). Sources: Seplos "Modbus RTU Protocol V0.1", ferelarg/Seplos3MQTT, captures of
syssi/esphome-seplos-bms.
"""

from collections.abc import Callable
from typing import ClassVar

from pymodbus.constants import ExcCodes

from hil_tests.battery import BmsReading
from hil_tests.model import Moment
from hil_tests.registers import Registers, bitmap
from hil_tests.truth import EXACT, FLAGS, cells, environment_temperature, temperatures

_PACK, _CELLS, _ALARMS = 0x1000, 0x1100, 0x1200
_ALARM_BYTES = 18
_ICE = 2731


class SeplosV3:
    """Answers reads with what the BMS measures at the moment `now` gives."""

    model = "seplos_v3"
    turnaround = 0.0
    resolution: ClassVar[dict[str, float]] = cells(16) | temperatures(4, 0.1) | FLAGS
    resolution |= {"pack_voltage": 0.01, "current": 0.01, "remaining_capacity": 0.01, "full_capacity": 0.01}
    resolution |= {"soc": 0.1, "soh": 0.1, "cycles": EXACT, "mosfet_temperature": 0.1, "environment_temperature": 0.1}
    words: ClassVar[dict[str, str]] = {}

    def __init__(self, now: Callable[[], Moment], address: int = 0) -> None:
        self.now = now
        self.address = self.reply_address = address

    def span(self, start: int, count: int) -> range:
        """The addresses that a request covers."""
        return range(start, start + count)

    def read(self, function: int, start: int, count: int) -> list[int] | ExcCodes:
        bms = self.now().bms
        if function == 4:
            return _registers(bms).span(start, count)
        if function == 1 and start >= _ALARMS and start + count <= _ALARMS + 8 * _ALARM_BYTES:
            alarms = _alarms(bms)
            places = range(start - _ALARMS, start - _ALARMS + count)
            return [alarms[place // 8] >> place % 8 & 1 for place in places]
        return ExcCodes.ILLEGAL_ADDRESS


def _registers(bms: BmsReading) -> Registers:
    millivolts = [volts * 1000 for volts in bms.cells]
    kelvins = [celsius * 10 + _ICE for celsius in bms.temperatures]
    registers = Registers()
    registers.put(_PACK, bms.pack_voltage * 100, bms.current * 100)
    registers.put(_PACK + 2, bms.remaining_capacity * 100, bms.full_capacity * 100, bms.discharged / 10)
    registers.put(_PACK + 5, bms.soc * 1000, bms.soh * 1000, bms.cycles)
    registers.put(_PACK + 8, sum(millivolts) / 16, sum(kelvins) / 4, max(millivolts), min(millivolts))
    registers.put(_PACK + 12, max(kelvins), min(kelvins), 0, 180, 180, 1000)
    registers.put(_CELLS, *millivolts)
    registers.put(_CELLS + 0x10, *kelvins, *[_ICE] * 4)
    registers.put(_CELLS + 0x18, environment_temperature(bms) * 10 + _ICE, bms.mosfet_temperature * 10 + _ICE)
    return registers


def _alarms(bms: BmsReading) -> bytes:
    alarms = bytearray(_ALARM_BYTES)
    balancing = bitmap([bms.cells.index(max(bms.cells))]) if bms.balance_current else 0
    alarms[6:8] = balancing.to_bytes(2, "little")
    alarms[8] = bitmap([1 if bms.current > 0 else 0])
    alarms[9] = bitmap([0, 1] * bms.over_voltage + [2, 3] * bms.under_voltage)
    alarms[10] = bitmap([0, 1, 4, 5] * bms.over_temperature)
    alarms[15] = bitmap([6] + [0] * bms.discharge_mosfet + [1] * bms.charge_mosfet)
    return bytes(alarms)
