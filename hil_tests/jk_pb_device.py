"""Stand-in of a JK-BMS PB (RS-485 Modbus V1.0/V1.1), written from its register map and not from any driver here.

Quirks of the real device that it reproduces:

- Addresses inside a table are byte offsets: a request for N registers at A returns 2·N bytes of the table from A −
  base on. Cell 2 is at 0x1202, and 16 registers from 0x1200 are the cells 1 to 16 (captured, rs485-bms-probe, JK 8S).
- An odd start is refused. More than 122 registers, or a read past the end of a table, is exception 2
  (jkctl, probed on a live unit).
- A request that comes too soon after its last reply is not heard at all: silence, no exception. 2 ms is too soon, 30
  ms is enough (jkctl); the limit is set at 30 ms here, measured from the end of the reply to the end of the request.
- Numbers are big-endian, 32-bit ones with the high word first (captured settings table).
- Current is signed, positive when charging; power is a magnitude without sign (JK's own document).
- Alarm bit 19, "change password", is set on a healthy unit (captured: alarm_bits 524288 and nothing wrong).
- The byte that the document calls "temperature sensor absent" tells which sensors are present.
- Cells that are not there read 0. A fifth temperature sensor is not fitted and reads −200.0 °C, as in JK's emulation of
  PACE; no capture of its own map has one missing. Only function 3 reads.

Not reproduced: the 300-byte broadcast records of a JK that is bus master (address 0), and writes, which the bus refuses
before they come here. Sources: JK's "BMS RS485 Modbus V1.1" document, jkctl 0.2.0, syssi/esphome-jk-bms,
rs485-bms-probe.
"""

import struct
from collections.abc import Callable
from typing import ClassVar

from pymodbus.constants import ExcCodes

from hil_tests.battery import CELLS, BmsReading
from hil_tests.model import Moment
from hil_tests.truth import EXACT, FLAGS, cells, temperatures

SETTINGS, RUNTIME, INFO = 0x1000, 0x1200, 0x1400
MOST_REGISTERS = 122
PASSWORD_UNCHANGED = 1 << 19
_NO_SENSOR = -2000
_JK_EPOCH = 1577836800  # 2020-01-01


class _Table:
    """Payload of one table; fields are put at the addresses that the document gives them."""

    def __init__(self, base: int, size: int) -> None:
        self.base = base
        self.payload = bytearray(size)

    def put(self, address: int, layout: str, *values: int) -> None:
        struct.pack_into(f">{layout}", self.payload, address - self.base, *values)

    def text(self, address: int, text: str, size: int) -> None:
        self.payload[address - self.base : address - self.base + size] = text.encode("ascii").ljust(size, b"\0")

    def registers(self, start: int, count: int) -> list[int] | ExcCodes:
        offset = start - self.base
        if offset < 0 or offset + 2 * count > len(self.payload):
            return ExcCodes.ILLEGAL_ADDRESS
        return list(struct.unpack_from(f">{count}H", self.payload, offset))


class JkPb:
    """Answers reads with what the BMS measures at the moment `now` gives."""

    model = "jk_pb"
    turnaround = 0.030
    resolution: ClassVar[dict[str, float]] = cells(CELLS) | temperatures(4, 0.1) | FLAGS
    resolution |= {"pack_voltage": 0.001, "current": 0.001, "remaining_capacity": 0.001, "full_capacity": 0.001}
    resolution |= {"soc": 1, "soh": 1, "cycles": EXACT, "mosfet_temperature": 0.1}
    words: ClassVar[dict[str, str]] = {}

    def __init__(self, now: Callable[[], Moment], address: int = 2) -> None:
        self.now = now
        self.address = self.reply_address = address

    def span(self, start: int, count: int) -> range:
        """The addresses that a request covers."""
        return range(start, start + 2 * count)

    def read(self, function: int, start: int, count: int) -> list[int] | ExcCodes:
        if function != 3:
            return ExcCodes.ILLEGAL_FUNCTION
        if start % 2 or count > MOST_REGISTERS:
            return ExcCodes.ILLEGAL_ADDRESS
        moment = self.now()
        if start >= INFO:
            return _info(moment.bms).registers(start, count)
        if start >= RUNTIME:
            return _runtime(moment).registers(start, count)
        return _settings(self.address).registers(start, count)


def _settings(address: int) -> _Table:
    table = _Table(SETTINGS, 0x116)
    # Smart sleep, cell UV, UV recovery, OV, OV recovery, balance trigger, SoC 100 %, SoC 0 %, charge, float, power
    # off: mV.
    table.put(0x1000, "11I", 3200, 2700, 3000, 3650, 3450, 10, 3480, 2750, 3500, 3375, 2500)
    table.put(0x102C, "3I", 50_000, 30, 60)  # charge current mA; delay and release s
    table.put(0x1038, "5I", 100_000, 300, 60, 30, 600)  # discharge mA; delays and releases s; balance mA
    table.put(0x104C, "8i", 600, 550, 600, 550, 0, 30, 900, 700)  # temperature limits and recoveries, 0.1 °C
    table.put(0x106C, "4I", CELLS, 1, 1, 1)
    table.put(0x107C, "3I", 100_000, 1500, 3400)  # capacity mAh, short-circuit delay µs, balancing from mV
    table.put(0x1108, "2I", address, 10)
    table.put(0x1114, "H", 1 << 3 | 1 << 4)
    return table


def _alarms(bms: BmsReading) -> int:
    alarms = PASSWORD_UNCHANGED
    alarms |= (1 << 4 | 1 << 5) if bms.over_voltage else 0
    alarms |= (1 << 11 | 1 << 12) if bms.under_voltage else 0
    alarms |= (1 << 8 | 1 << 15) if bms.over_temperature else 0
    return alarms


def _runtime(moment: Moment) -> _Table:
    bms = moment.bms
    cells = [round(volts * 1000) for volts in bms.cells]
    pack, current = sum(cells), round(bms.current * 1000)
    temperatures = [round(celsius * 10) for celsius in bms.temperatures]
    balance = round(bms.balance_current * 1000)
    full = round(bms.full_capacity * 1000)

    table = _Table(RUNTIME, 0x104)
    table.put(0x1200, f"{CELLS}H", *cells)
    table.put(0x1240, "I", (1 << CELLS) - 1)
    table.put(0x1244, "2H", round(pack / CELLS), max(cells) - min(cells))
    table.put(0x1248, "2B", cells.index(max(cells)), cells.index(min(cells)))
    table.put(0x124A, f"{CELLS}H", *(55 + cell % 9 for cell in range(CELLS)))  # balance wires, mΩ
    table.put(0x128A, "h", round(bms.mosfet_temperature * 10))
    table.put(0x1290, "I", pack)
    table.put(0x1294, "I", abs(pack * current) // 1000)
    table.put(0x1298, "i", current)
    table.put(0x129C, "2h", *temperatures[:2])
    table.put(0x12A0, "I", _alarms(bms))
    table.put(0x12A4, "h", balance)
    table.put(0x12A6, "2B", 2 if balance else 0, round(bms.soc * 100))
    table.put(0x12A8, "iI", round(bms.remaining_capacity * 1000), full)
    table.put(0x12B0, "2I", bms.cycles, round(bms.discharged * 1000))
    table.put(0x12B8, "2B", round(bms.soh * 100), 0)
    table.put(0x12BC, "I", round(bms.running))
    table.put(0x12C0, "2B", bms.charge_mosfet, bms.discharge_mosfet)
    table.put(0x12D0, "2B", 0b011111, 0)  # MOSFET sensor and battery sensors 1 to 4; no heater
    table.put(0x12E4, "H", pack // 10)
    table.put(0x12EE, "2B", 0, current > 0)
    table.put(0x12F0, "I", round(bms.running * 10))
    table.put(0x12F8, "3h", *temperatures[2:], _NO_SENSOR)
    table.put(0x1300, "I", round(moment.t) - _JK_EPOCH)
    return table


def _info(bms: BmsReading) -> _Table:
    table = _Table(INFO, 0xD6)
    table.text(0x1400, "JK_PB2A16S15P", 16)
    table.text(0x1410, "15A", 8)
    table.text(0x1418, "15.30", 8)
    table.put(0x1420, "2I", round(bms.running), 12)
    table.put(0x14B2, "2B", 1, 0)
    table.put(0x14D4, "2B", 1, 0)
    return table
