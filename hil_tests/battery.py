"""A second-life pack of 16 LFP cells with its BMS: cells that aged unequally, counted in ampere hours.

The cells differ in capacity and resistance, as reused ones do; they were balanced at the top, so the spread shows at
the bottom. Current is positive into the battery. No cell chemistry beyond an open-circuit curve, a resistance and one
polarisation: enough for what a monitor sees, not for predicting life.
"""

import math
import random
from bisect import bisect_right
from dataclasses import dataclass

CELLS = 16
NOMINAL_CAPACITY = 140.0
"""What a cell held when new, Ah."""

_POLARISATION_TIME = 600.0
_THERMAL_TIME = 4 * 3600.0
_BALANCE_START = 3.40
_BALANCE_TRIGGER = 0.010
_BALANCE_CURRENT = 0.6

# Open-circuit voltage of an LFP cell over its state of charge. The ends go on in a straight line, steeply, as a cell
# that is charged or discharged too far does.
_OCV_SOC = (-0.05, 0.0, 0.02, 0.05, 0.10, 0.20, 0.30, 0.40, 0.50, 0.60, 0.70, 0.80, 0.90, 0.95, 0.98, 1.0, 1.05)
_OCV = (1.9, 2.6, 2.95, 3.05, 3.18, 3.24, 3.27, 3.285, 3.295, 3.31, 3.33, 3.335, 3.34, 3.355, 3.39, 3.48, 4.1)


def open_circuit_voltage(soc: float) -> float:
    """Volts of one resting cell at a state of charge of 0..1."""
    right = min(max(bisect_right(_OCV_SOC, soc), 1), len(_OCV) - 1)
    soc_0, soc_1, volt_0, volt_1 = _OCV_SOC[right - 1], _OCV_SOC[right], _OCV[right - 1], _OCV[right]
    return volt_0 + (volt_1 - volt_0) * (soc - soc_0) / (soc_1 - soc_0)


@dataclass(slots=True)
class Cell:
    """Capacity and charge in Ah, resistance in ohm, polarisation in V."""

    capacity: float
    resistance: float
    charge: float
    polarisation: float = 0.0

    @property
    def resting_voltage(self) -> float:
        return open_circuit_voltage(self.charge / self.capacity) + self.polarisation


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the BMS switches a MOSFET off, and where on again. V per cell, °C."""

    over_voltage: float = 3.65
    over_voltage_recovery: float = 3.45
    under_voltage: float = 2.70
    under_voltage_recovery: float = 3.00
    over_temperature: float = 60.0
    over_temperature_recovery: float = 55.0


@dataclass(frozen=True, slots=True)
class BmsReading:
    """What the BMS measures at one moment. V, A, Ah, °C, seconds; `soc` and `soh` are 0..1."""

    cells: tuple[float, ...]
    current: float
    soc: float
    soh: float
    remaining_capacity: float
    full_capacity: float
    cycles: int
    discharged: float
    temperatures: tuple[float, ...]
    mosfet_temperature: float
    charge_mosfet: bool
    discharge_mosfet: bool
    balance_current: float
    over_voltage: bool
    under_voltage: bool
    over_temperature: bool
    running: float

    @property
    def pack_voltage(self) -> float:
        """The sum of the cells, to the millivolt."""
        return round(sum(self.cells), 3)


class Battery:
    """`step` moves it through time, `read` measures it. Both are free of clocks; the seed fixes cells and noise."""

    def __init__(self, seed: int, soc: float = 0.6, ambient: float = 26.0, limits: Limits | None = None) -> None:
        chance = random.Random(f"{seed}/cells")
        self.limits = limits or Limits()
        capacities = [chance.gauss(100, 4.5) for _ in range(CELLS)]
        missing = (1 - soc) * min(capacities)
        self.cells = [
            Cell(capacity, 0.6e-3 + abs(chance.gauss(1.2e-3, 0.6e-3)), capacity - missing - abs(chance.gauss(0, 0.8)))
            for capacity in capacities
        ]
        self.current = 0.0
        self.temperature = ambient
        self.ambient = ambient
        self.balance_current = 0.0
        self.over_voltage = self.under_voltage = self.over_temperature = False
        self.discharged = 1240 * NOMINAL_CAPACITY * 0.75
        self.running = 0.0

    @property
    def resting_voltage(self) -> float:
        """Pack voltage without current, V."""
        return sum(cell.resting_voltage for cell in self.cells)

    @property
    def resistance(self) -> float:
        """Of the whole pack, ohm."""
        return sum(cell.resistance for cell in self.cells)

    @property
    def full_capacity(self) -> float:
        """What the weakest cell lets the pack give, Ah."""
        return min(cell.capacity for cell in self.cells)

    @property
    def remaining_capacity(self) -> float:
        """Ah until the first cell is empty, never more than the full capacity."""
        return min(max(min(cell.charge for cell in self.cells), 0.0), self.full_capacity)

    @property
    def charge_mosfet(self) -> bool:
        return not (self.over_voltage or self.over_temperature)

    @property
    def discharge_mosfet(self) -> bool:
        return not (self.under_voltage or self.over_temperature)

    def step(self, current: float, ambient: float, seconds: float) -> None:
        """`seconds` of a constant current; the caller keeps to what the MOSFETs allow."""
        hours = seconds / 3600
        settling = 1 - math.exp(-seconds / _POLARISATION_TIME)
        for cell in self.cells:
            cell.charge += current * hours
            cell.polarisation += (current * cell.resistance * 0.8 - cell.polarisation) * settling
        self._balance(current, hours)
        self.current, self.ambient = current, ambient
        heating = current * current * self.resistance * 0.02
        self.temperature += (ambient + heating - self.temperature) * (1 - math.exp(-seconds / _THERMAL_TIME))
        self.discharged += max(-current, 0.0) * hours
        self.running += seconds
        self._protect()

    def _balance(self, current: float, hours: float) -> None:
        # An active balancer: takes from the highest cell what it gives to the lowest.
        voltages = [cell.resting_voltage + current * cell.resistance for cell in self.cells]
        high, low = voltages.index(max(voltages)), voltages.index(min(voltages))
        wanted = voltages[high] > _BALANCE_START and voltages[high] - voltages[low] > _BALANCE_TRIGGER
        self.balance_current = _BALANCE_CURRENT if wanted else 0.0
        self.cells[high].charge -= self.balance_current * hours
        self.cells[low].charge += self.balance_current * hours

    def _protect(self) -> None:
        voltages = [cell.resting_voltage + self.current * cell.resistance for cell in self.cells]
        limits = self.limits
        bound = limits.over_voltage_recovery if self.over_voltage else limits.over_voltage
        self.over_voltage = max(voltages) > bound
        bound = limits.under_voltage_recovery if self.under_voltage else limits.under_voltage
        self.under_voltage = min(voltages) < bound
        bound = limits.over_temperature_recovery if self.over_temperature else limits.over_temperature
        self.over_temperature = self.temperature > bound

    def read(self, noise: random.Random) -> BmsReading:
        """One measurement, with the millivolts and milliamperes by which two measurements differ."""
        full, remaining = self.full_capacity, self.remaining_capacity
        return BmsReading(
            cells=tuple(
                round(cell.resting_voltage + self.current * cell.resistance + noise.gauss(0, 0.0009), 3)
                for cell in self.cells
            ),
            current=round(self.current + noise.gauss(0, 0.006), 3),
            soc=remaining / full,
            soh=full / NOMINAL_CAPACITY,
            remaining_capacity=remaining,
            full_capacity=full,
            cycles=int(self.discharged / NOMINAL_CAPACITY),
            discharged=self.discharged,
            temperatures=tuple(
                round(self.temperature + above + noise.gauss(0, 0.05), 1) for above in (0.3, 0.9, 0.6, -0.2)
            ),
            mosfet_temperature=round(self.ambient + 2 + 0.02 * self.current**2 + noise.gauss(0, 0.05), 1),
            charge_mosfet=self.charge_mosfet,
            discharge_mosfet=self.discharge_mosfet,
            balance_current=self.balance_current,
            over_voltage=self.over_voltage,
            under_voltage=self.under_voltage,
            over_temperature=self.over_temperature,
            running=self.running,
        )
