"""A solar power unit of a floating household: sun, charge controller, load and a second-life battery, all invented.

Promises: the same seed, start and step give the same numbers; time is an argument and there is no I/O; the numbers fit
each other (pack voltage is the sum of the cells, power is voltage times current, battery current is charge minus load,
energy counters integrate power). It does not promise to predict a real unit: the weather is made up.
"""

import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime

from hil_tests.battery import Battery, BmsReading, Limits
from hil_tests.sun import LOCAL_TIME, ambient_temperature, array_power_point, chance, irradiance, local_hour

ABSORPTION_VOLTAGE = 56.0
FLOAT_VOLTAGE = 54.0
REBULK_VOLTAGE = 52.4
LOAD_OFF_VOLTAGE = 48.0
LOAD_ON_VOLTAGE = 51.2
ABSORPTION_SECONDS = 2 * 3600
CHARGE_EFFICIENCY = 0.96
CHARGE_CURRENT_LIMIT = 20.0
_DAWN = 15.0
"""Irradiance in W/m² below which the controller sleeps."""


def household_load(seed: int, t: float) -> float:
    """What a floating household switches on, in W: router and phones, fridge, lights, television, fan, water pump."""
    hour = local_hour(t)
    slot = int(t // 600)
    watts = 22.0
    if chance(seed, "fridge", slot) < (0.5 if 9 <= hour < 18 else 0.35):
        watts += 60
    if 5 <= hour < 6.5 or 18 <= hour < 22:
        watts += 35
    if 18.5 <= hour < 21.5 and chance(seed, "television", int(t // 86400)) < 0.8:
        watts += 55
    if 11 <= hour < 16 and chance(seed, "fan", int(t // 1800)) < 0.6:
        watts += 35
    if chance(seed, "pump", slot) < 0.03 and 6 <= hour < 20:
        watts += 180
    return watts * (0.98 + 0.04 * chance(seed, "watts", int(t // 10)))


@dataclass(slots=True)
class EnergyCounter:
    """Energy in Wh over the day, month and year of the controller's own clock, and over its life."""

    total: float
    today: float = 0.0
    month: float = 0.0
    year: float = 0.0

    def add(self, watts: float, seconds: float) -> None:
        energy = watts * seconds / 3600
        self.today += energy
        self.month += energy
        self.year += energy
        self.total += energy

    def roll(self, before: datetime, now: datetime) -> None:
        if now.date() != before.date():
            self.today = 0.0
        if (now.year, now.month) != (before.year, before.month):
            self.month = 0.0
        if now.year != before.year:
            self.year = 0.0


@dataclass(frozen=True, slots=True)
class EnergyReading:
    """Wh."""

    today: float
    month: float
    year: float
    total: float


@dataclass(frozen=True, slots=True)
class ControllerReading:
    """What the charge controller measures at one moment. V, A, W, °C, Wh; `clock` is its own, set right or wrong."""

    stage: str
    pv_voltage: float
    pv_current: float
    battery_voltage: float
    charge_current: float
    load_current: float
    battery_current: float
    battery_soc: float
    battery_temperature: float
    temperature: float
    night: bool
    load_disconnected: bool
    pv_voltage_range: tuple[float, float]
    battery_voltage_range: tuple[float, float]
    pv_energy: EnergyReading
    load_energy: EnergyReading
    clock: datetime

    @property
    def pv_power(self) -> float:
        return self.pv_voltage * self.pv_current

    @property
    def charge_power(self) -> float:
        return self.battery_voltage * self.charge_current

    @property
    def load_power(self) -> float:
        return self.battery_voltage * self.load_current


@dataclass(frozen=True, slots=True)
class Moment:
    """The unit as its two devices measured it at one moment of sun time."""

    t: float
    bms: BmsReading
    controller: ControllerReading


@dataclass(slots=True)
class _Flow:
    """True electrical state over one step, before any measurement. V, A."""

    pv_voltage: float = 0.0
    pv_current: float = 0.0
    voltage: float = 0.0
    charge: float = 0.0
    load: float = 0.0


def _span(span: tuple[float, float] | None, value: float) -> tuple[float, float]:
    return (value, value) if span is None else (min(span[0], value), max(span[1], value))


class PowerUnit:
    """`at(t)` steps the unit to sun time `t` on a grid of `step` seconds and measures it there.

    `t` is UTC seconds and never goes back by more than one step. `clock_error` is how many seconds the controller's own
    clock is ahead of local time: its daily counters are cleared at that clock's midnight.
    """

    def __init__(
        self,
        seed: int,
        start: float,
        *,
        step: float = 10.0,
        soc: float = 0.6,
        clock_error: float = 0.0,
        limits: Limits | None = None,
    ) -> None:
        self.seed = seed
        self.step = step
        self.clock_error = clock_error
        self.battery = Battery(seed, soc=soc, ambient=ambient_temperature(seed, start), limits=limits)
        self.stage = "night"
        self.load_connected = True
        self.pv_energy = EnergyCounter(total=1_480_000.0)
        self.load_energy = EnergyCounter(total=1_190_000.0)
        self._pv_range: tuple[float, float] | None = None
        self._battery_range: tuple[float, float] | None = None
        self._absorbing = 0.0
        self._flow = _Flow(voltage=self.battery.resting_voltage)
        self._t = math.floor(start / step) * step

    def at(self, t: float) -> Moment:
        """The unit at sun time `t`. Raises ValueError for a time before the step that it has already taken."""
        if t < self._t - self.step:
            raise ValueError(f"sun time {t} is past: the model already stands at {self._t}")
        while self._t + self.step <= t:
            self._advance()
        noise = random.Random(self.seed << 48 ^ int(t * 1000))
        return Moment(t, self.battery.read(noise), self._measure(t, noise))

    def _controller_clock(self, t: float) -> datetime:
        return datetime.fromtimestamp(t + LOCAL_TIME + self.clock_error, UTC).replace(tzinfo=None)

    def _advance(self) -> None:
        t, seconds = self._t, self.step
        flow = self._flow = self._solve(t)
        self.battery.step(flow.charge - flow.load, ambient_temperature(self.seed, t), seconds)
        self.pv_energy.add(flow.pv_voltage * flow.pv_current, seconds)
        self.load_energy.add(flow.voltage * flow.load, seconds)
        self._pv_range = _span(self._pv_range, flow.pv_voltage)
        self._battery_range = _span(self._battery_range, flow.voltage)
        self._t = t + seconds
        before, now = self._controller_clock(t), self._controller_clock(self._t)
        if now.date() != before.date():
            self._pv_range = self._battery_range = None
            self.pv_energy.roll(before, now)
            self.load_energy.roll(before, now)

    def _solve(self, t: float) -> _Flow:
        sun = irradiance(self.seed, t)
        available = array_power_point(sun, ambient_temperature(self.seed, t))
        resting, resistance = self.battery.resting_voltage, self.battery.resistance
        watts = household_load(self.seed, t) if self._load_is_served() else 0.0
        night = sun < _DAWN
        limit = 0.0 if night else min(available.power * CHARGE_EFFICIENCY, CHARGE_CURRENT_LIMIT * resting)
        if not self.battery.charge_mosfet:
            limit = min(limit, watts)
        voltage = _terminal_voltage(resting, resistance, limit - watts)
        power = limit
        target = FLOAT_VOLTAGE if self.stage == "float" else ABSORPTION_VOLTAGE
        held = voltage >= target
        if held:
            power = min(limit, max(0.0, watts + target * (target - resting) / resistance))
            voltage = _terminal_voltage(resting, resistance, power - watts)
        self._change_stage(night, held, voltage)
        flow = _Flow(voltage=voltage, charge=power / voltage, load=watts / voltage)
        if not night:
            drawn = power / CHARGE_EFFICIENCY
            spare = math.sqrt(max(0.0, 1 - drawn / available.power))
            flow.pv_voltage = available.voltage + (available.open_voltage - available.voltage) * spare
            flow.pv_current = drawn / flow.pv_voltage
        return flow

    def _load_is_served(self) -> bool:
        if self.load_connected and self._flow.voltage < LOAD_OFF_VOLTAGE:
            self.load_connected = False
        elif not self.load_connected and self._flow.voltage > LOAD_ON_VOLTAGE:
            self.load_connected = True
        return self.load_connected and self.battery.discharge_mosfet

    def _change_stage(self, night: bool, held: bool, voltage: float) -> None:
        if night:
            self.stage = "night"
        elif self.stage == "night" or (self.stage == "float" and voltage < REBULK_VOLTAGE):
            self.stage, self._absorbing = "bulk", 0.0
        elif self.stage in ("bulk", "absorption"):
            self.stage = "absorption" if held else "bulk"
            self._absorbing += self.step if held else 0.0
            if self._absorbing >= ABSORPTION_SECONDS:
                self.stage = "float"

    def _measure(self, t: float, noise: random.Random) -> ControllerReading:
        flow = self._flow
        night = self.stage == "night"
        ambient = ambient_temperature(self.seed, t)
        pv_voltage = abs(flow.pv_voltage + (noise.gauss(1.2, 0.3) if night else noise.gauss(0, 0.12)))
        charge = abs(flow.charge + (0.0 if flow.charge == 0 else noise.gauss(0, 0.02)))
        load = abs(flow.load + (0.0 if flow.load == 0 else noise.gauss(0, 0.01)))
        return ControllerReading(
            stage=self.stage,
            pv_voltage=pv_voltage,
            pv_current=0.0 if night else abs(flow.pv_current + noise.gauss(0, 0.01)),
            battery_voltage=flow.voltage + noise.gauss(0, 0.02),
            charge_current=charge,
            load_current=load,
            battery_current=charge - load,
            battery_soc=self.battery.remaining_capacity / self.battery.full_capacity,
            battery_temperature=self.battery.temperature + noise.gauss(0, 0.05),
            temperature=ambient + 5 + 0.03 * flow.voltage * flow.charge + noise.gauss(0, 0.05),
            night=night,
            load_disconnected=not self.load_connected,
            pv_voltage_range=self._pv_range or (flow.pv_voltage, flow.pv_voltage),
            battery_voltage_range=self._battery_range or (flow.voltage, flow.voltage),
            pv_energy=_reading(self.pv_energy),
            load_energy=_reading(self.load_energy),
            clock=self._controller_clock(t),
        )


def _terminal_voltage(resting: float, resistance: float, power: float) -> float:
    # The root of V = resting + resistance · power / V: what the pack shows at a constant power.
    return (resting + math.sqrt(max(0.0, resting * resting + 4 * resistance * power))) / 2


def _reading(counter: EnergyCounter) -> EnergyReading:
    return EnergyReading(counter.today, counter.month, counter.year, counter.total)
