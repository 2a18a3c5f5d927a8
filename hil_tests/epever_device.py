"""Stand-in of an EPEver Tracer charge controller, written from its register map and not from any driver here.

Quirks of the real device that it reproduces:

- Live values are input registers (function 4), settings are holding registers (function 3), two flags are discrete
  inputs (function 2). The wrong function code is exception 2, never 1 (115 captured exceptions of a Tracer2215BN).
- 32-bit numbers have the low word first. Their halves may be read one by one, and then do not belong together: a torn
  read (captured: net current 0x0000 then 0xFFFF, taken for −655.36 A).
- A span may run over addresses that do not exist, which then read 0 (LS1024B, 0x3100 × 15); a span that begins on one
  is exception 2. Some firmware refuses every span that touches one: `refuses_gaps` (Tasmota issue 12205).
- Nobody has measured a span above 22 registers: refused here with exception 2, so that nothing comes to depend on one.
- Day, month and year counters are cleared at midnight of the controller's own clock, which may be set wrong.
- Charge current is an unsigned magnitude; only 0x331B is signed, positive into the battery.
- The charging stage "boost" means bulk and absorption alike.

Not reproduced: partial replies (the hub can do that to any reply), device identification, coils, and writes, which
the bus refuses before they come here. Sources: EPEver "ControllerProtocolV2.3", kasbert/epsolar-tracer with its
captures, epevermodbus 0.0.18, softwarecrash/EPEver2MQTT.
"""

from collections.abc import Callable
from typing import ClassVar

from pymodbus.constants import ExcCodes

from hil_tests.model import ABSORPTION_VOLTAGE, FLOAT_VOLTAGE, REBULK_VOLTAGE, ControllerReading, Moment
from hil_tests.truth import EXACT

MOST_REGISTERS = 22
_DISCRETE_INPUTS = range(0x2000, 0x2010)
_INPUT_REGISTERS = range(0x3000, 0x3400)
_HOLDING_REGISTERS = range(0x9000, 0x9100)
_STAGE_BITS = {"night": 0, "float": 1, "bulk": 2, "absorption": 2}


class _Map(dict[int, int]):
    """Address → register. Values go in as the page gives them: hundredths unless said."""

    def word(self, address: int, value: float, scale: float = 100) -> None:
        self[address] = round(value * scale) & 0xFFFF

    def pair(self, address: int, value: float, scale: float = 100) -> None:
        raw = round(value * scale)
        self[address], self[address + 1] = raw & 0xFFFF, raw >> 16 & 0xFFFF


class EpeverTracer:
    """Answers reads with what the controller measures at the moment `now` gives."""

    model = "epever_tracer"
    turnaround = 0.0
    resolution: ClassVar[dict[str, float]] = {
        **dict.fromkeys(("pv_voltage", "pv_current", "pv_power", "battery_voltage", "charge_current"), 0.01),
        **dict.fromkeys(("charge_power", "load_voltage", "load_current", "load_power", "battery_net_current"), 0.01),
        **dict.fromkeys(("battery_temperature", "controller_temperature"), 0.01),
        "energy_today": 10,
        "energy_total": 10,
        "stage": EXACT,
        "faults": EXACT,
    }
    words: ClassVar[dict[str, str]] = {"bulk": "absorption"}

    def __init__(self, now: Callable[[], Moment], address: int = 1, refuses_gaps: bool = False) -> None:
        self.now = now
        self.address = self.reply_address = address
        self.refuses_gaps = refuses_gaps

    def span(self, start: int, count: int) -> range:
        """The addresses that a request covers."""
        return range(start, start + count)

    def read(self, function: int, start: int, count: int) -> list[int] | ExcCodes:
        controller = self.now().controller
        if function == 2 and start in _DISCRETE_INPUTS:
            flags = {0x2000: int(controller.temperature > 85), 0x200C: int(controller.night)}
            return [flags.get(address, 0) for address in self.span(start, count)]
        if function == 4 and start in _INPUT_REGISTERS:
            return self._registers(_input_registers(controller), start, count)
        if function == 3 and start in _HOLDING_REGISTERS:
            return self._registers(_holding_registers(controller), start, count)
        return ExcCodes.ILLEGAL_ADDRESS

    def _registers(self, registers: dict[int, int], start: int, count: int) -> list[int] | ExcCodes:
        span = self.span(start, count)
        gaps = self.refuses_gaps and any(address not in registers for address in span)
        if count > MOST_REGISTERS or start not in registers or gaps:
            return ExcCodes.ILLEGAL_ADDRESS
        return [registers.get(address, 0) for address in span]


def _input_registers(c: ControllerReading) -> dict[int, int]:
    registers = _Map()
    registers.word(0x3000, 150)  # rated PV voltage
    registers.word(0x3001, 20)
    registers.pair(0x3002, 1040)
    registers.word(0x3004, 48)  # rated battery voltage
    registers.word(0x3005, 20)
    registers.pair(0x3006, 1040)
    registers.word(0x3008, 2, scale=1)  # MPPT
    registers.word(0x300E, 20)

    registers.word(0x3100, c.pv_voltage)
    registers.word(0x3101, c.pv_current)
    registers.pair(0x3102, c.pv_power)
    registers.word(0x3104, c.battery_voltage)
    registers.word(0x3105, c.charge_current)
    registers.pair(0x3106, c.charge_power)
    registers.word(0x310C, c.battery_voltage if c.load_current else 0)
    registers.word(0x310D, c.load_current)
    registers.pair(0x310E, c.load_power)
    registers.word(0x3110, c.battery_temperature)
    registers.word(0x3111, c.temperature)
    registers.word(0x3112, c.temperature + 3)
    registers.word(0x311A, c.battery_soc)  # whole percent
    registers.word(0x311B, c.battery_temperature)
    registers.word(0x311D, 48)

    registers.word(0x3200, _battery_status(c), scale=1)
    registers.word(0x3201, _charging_status(c), scale=1)
    registers.word(0x3202, 1 if c.load_current else 0, scale=1)

    registers.word(0x3300, c.pv_voltage_range[1])
    registers.word(0x3301, c.pv_voltage_range[0])
    registers.word(0x3302, c.battery_voltage_range[1])
    registers.word(0x3303, c.battery_voltage_range[0])
    for base, energy in ((0x3304, c.load_energy), (0x330C, c.pv_energy)):
        registers.pair(base, energy.today, scale=0.1)  # hundredths of a kWh
        registers.pair(base + 2, energy.month, scale=0.1)
        registers.pair(base + 4, energy.year, scale=0.1)
        registers.pair(base + 6, energy.total, scale=0.1)
    registers.pair(0x3314, c.pv_energy.total * 0.00078 / 1000)  # t of CO₂
    registers.word(0x331A, c.battery_voltage)
    registers.pair(0x331B, c.battery_current)
    registers.word(0x331D, c.battery_temperature)
    registers.word(0x331E, c.temperature - 5)
    return registers


def _battery_status(c: ControllerReading) -> int:
    if c.load_disconnected:
        return 3
    if c.battery_voltage > 58.4:
        return 1
    return 2 if c.battery_voltage < 49.6 else 0


def _charging_status(c: ControllerReading) -> int:
    no_input = 1 << 14 if c.night else 0
    return no_input | _STAGE_BITS[c.stage] << 2 | 1


def _holding_registers(c: ControllerReading) -> dict[int, int]:
    registers = _Map()
    registers.word(0x9000, 0, scale=1)  # battery type: user
    registers.word(0x9001, 100, scale=1)  # Ah
    registers.word(0x9002, 0)
    # Over-voltage disconnect, charge limit, over-voltage reconnect, equalize, boost, float, boost reconnect,
    # low-voltage reconnect, under-voltage recover, under-voltage warning, low-voltage disconnect, discharge limit.
    boost, floating, again = ABSORPTION_VOLTAGE, FLOAT_VOLTAGE, REBULK_VOLTAGE
    limits = (58.4, 57.6, 57.6, boost, boost, floating, again, 51.2, 50.4, 49.6, 48.0, 46.4)
    for address, volts in enumerate(limits, start=0x9003):
        registers.word(address, volts)
    registers.word(0x9013, c.clock.minute << 8 | c.clock.second, scale=1)
    registers.word(0x9014, c.clock.day << 8 | c.clock.hour, scale=1)
    registers.word(0x9015, c.clock.year - 2000 << 8 | c.clock.month, scale=1)
    registers.word(0x9016, 30, scale=1)
    registers.word(0x9017, 65)
    registers.word(0x9018, -40)
    registers.word(0x9019, 85)
    registers.word(0x901A, 75)
    registers.word(0x901B, 85)
    registers.word(0x901C, 75)
    registers.word(0x901D, 0)
    registers.word(0x901E, 20)
    registers.word(0x901F, 10, scale=1)
    registers.word(0x9020, 24)
    registers.word(0x9021, 10, scale=1)
    registers.word(0x903D, 0, scale=1)
    registers.word(0x9067, 4, scale=1)  # 48 V
    registers.word(0x906A, 1, scale=1)
    registers.word(0x906B, 0, scale=1)
    registers.word(0x906C, 120, scale=1)
    registers.word(0x906D, 30, scale=1)
    registers.word(0x906E, 100, scale=1)
    registers.word(0x9070, 0, scale=1)
    return registers
