"""What the rig's power unit is like, in the catalogue's signals: what any device's reading of it has to come near.

Nothing is rounded here. How near, each stand-in says in its `resolution`, which also lists all that its device tells.
"""

from hil_tests.battery import BmsReading
from hil_tests.model import ControllerReading, Moment

Truth = dict[str, float | bool | str]


def environment_temperature(bms: BmsReading) -> float:
    """The model has no sensor of its own around the BMS: its MOSFETs are 2 °C above that without a load."""
    return bms.mosfet_temperature - 2


def bms_truth(bms: BmsReading) -> Truth:
    """A pack with nothing wrong."""
    truth: Truth = {f"cell_{number:02}_voltage": volts for number, volts in enumerate(bms.cells, 1)}
    truth |= {f"temperature_{number}": celsius for number, celsius in enumerate(bms.temperatures, 1)}
    truth |= {
        "pack_voltage": bms.pack_voltage,
        "current": bms.current,
        "soc": bms.soc * 100,
        "soh": bms.soh * 100,
        "remaining_capacity": bms.remaining_capacity,
        "full_capacity": bms.full_capacity,
        "cycles": bms.cycles,
        "mosfet_temperature": bms.mosfet_temperature,
        "environment_temperature": environment_temperature(bms),
        "charge_mosfet": bms.charge_mosfet,
        "discharge_mosfet": bms.discharge_mosfet,
        "balancing": bms.balance_current != 0,
        "protections": 0,
        "warnings": 0,
        "cell_voltage_min": min(bms.cells),
        "cell_voltage_max": max(bms.cells),
        "cell_voltage_spread": max(bms.cells) - min(bms.cells),
    }
    return truth


def controller_truth(controller: ControllerReading) -> Truth:
    """A controller with nothing wrong."""
    return {
        "pv_voltage": controller.pv_voltage,
        "pv_current": controller.pv_current,
        "pv_power": controller.pv_power,
        "battery_voltage": controller.battery_voltage,
        "charge_current": controller.charge_current,
        "charge_power": controller.charge_power,
        "load_voltage": controller.battery_voltage,
        "load_current": controller.load_current,
        "load_power": controller.load_power,
        "controller_temperature": controller.temperature,
        "battery_temperature": controller.battery_temperature,
        "battery_net_current": controller.battery_current,
        "stage": controller.stage,
        "faults": 0,
        "energy_today": controller.pv_energy.today,
        "energy_total": controller.pv_energy.total,
    }


def told(
    moment: Moment, resolution: dict[str, float], words: dict[str, str]
) -> dict[str, tuple[float | bool | str, float]]:
    """Per signal of `resolution` the truth and how far a right reading may be from it. `words` are the stages for which
    the device has another word.
    """
    truth = bms_truth(moment.bms) | controller_truth(moment.controller)
    truth["stage"] = words.get(moment.controller.stage, moment.controller.stage)
    return {name: (truth[name], step / 2 + 1e-9) for name, step in resolution.items()}


def cells(count: int, step: float = 0.001) -> dict[str, float]:
    """The resolution of so many cells, V, and of what is computed from them."""
    computed = dict.fromkeys(("cell_voltage_min", "cell_voltage_max"), step) | {"cell_voltage_spread": 2 * step}
    return {f"cell_{number:02}_voltage": step for number in range(1, count + 1)} | computed


def temperatures(count: int, step: float) -> dict[str, float]:
    """The resolution of so many sensors, °C."""
    return {f"temperature_{number}": step for number in range(1, count + 1)}


EXACT = 0.0
FLAGS = dict.fromkeys(("charge_mosfet", "discharge_mosfet", "balancing", "protections", "warnings"), EXACT)
"""What every BMS tells without rounding, beside the number of cycles."""
