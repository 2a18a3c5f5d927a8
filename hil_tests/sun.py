"""The sky over Lan Ha Bay and the PV array under it: what the model of the power unit takes from outside.

Everything is a pure function of a seed and of *sun time*, UTC in seconds, which need not be the wall clock's:
a demo may run at noon in the middle of the night.
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

LATITUDE = 20.8
LOCAL_TIME = 7 * 3600
"""Asia/Ho_Chi_Minh is UTC+7 all year; solar noon is taken as 12:00 local."""

DAY = 86400


@dataclass(frozen=True, slots=True)
class SunClock:
    """Turns the seconds of any clock into sun time, which was `sun_start` when that clock showed `clock_start`."""

    clock_start: float
    sun_start: float
    speed: float = 1.0

    def sun_time(self, clock: float) -> float:
        return self.sun_start + (clock - self.clock_start) * self.speed


def today_at(wall: float, local: str) -> float:
    """Sun time of `HH:MM` local time on the day of `wall`. Raises ValueError with a sentence for people."""
    try:
        clock = datetime.strptime(local, "%H:%M").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"sun time {local!r} is not a time of day; write it as HH:MM, for example 12:00") from None
    midnight = (wall + LOCAL_TIME) // DAY * DAY - LOCAL_TIME
    return midnight + clock.hour * 3600 + clock.minute * 60


def local_hour(t: float) -> float:
    """Hours since local midnight, 0 ≤ h < 24."""
    return (t + LOCAL_TIME) % DAY / 3600


@lru_cache(maxsize=4096)
def chance(seed: int, channel: str, index: int) -> float:
    """A number in [0, 1) that depends on nothing but its arguments."""
    mixed = 0xCBF29CE484222325
    for byte in f"{seed}/{channel}/{index}".encode():
        mixed = (mixed ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    mixed = (mixed ^ mixed >> 31) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    return (mixed ^ mixed >> 29) / 2**64


def drift(seed: int, channel: str, t: float, period: float) -> float:
    """A number in [0, 1) that wanders smoothly, turning about once per `period` seconds."""
    knot, along = divmod(t / period, 1)
    before, after = chance(seed, channel, int(knot)), chance(seed, channel, int(knot) + 1)
    return before + (after - before) * along * along * (3 - 2 * along)


def sine_of_elevation(t: float) -> float:
    """Sine of the sun's elevation above the horizon, -1..1."""
    day_of_year = (t + LOCAL_TIME) / DAY % 365.25
    declination = math.radians(23.44) * math.sin(2 * math.pi * (284 + day_of_year) / 365.25)
    hour_angle = math.radians(15 * (local_hour(t) - 12))
    latitude = math.radians(LATITUDE)
    return math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(declination) * math.cos(
        hour_angle
    )


def irradiance(seed: int, t: float) -> float:
    """Global irradiance in W/m²: Haurwitz' clear sky, less the day's overcast and the passing clouds."""
    height = sine_of_elevation(t)
    if height <= 0:
        return 0.0
    clear = 1098 * height * math.exp(-0.057 / height)
    overcast = drift(seed, "overcast", t, 0.4 * DAY) ** 2
    passing = max(0.0, drift(seed, "clouds", t, 420) - 0.45) * min(1.0, 2 * overcast + 0.2)
    return clear * (1 - 0.7 * overcast) * (1 - passing)


def ambient_temperature(seed: int, t: float) -> float:
    """Air under the roof in °C: warmest at 14:00, some 18 to 32 °C."""
    return 21 + 8 * drift(seed, "season", t, 5 * DAY) + 3 * math.cos(2 * math.pi * (local_hour(t) - 14) / 24)


@dataclass(frozen=True, slots=True)
class PowerPoint:
    """Maximum power point of the array, and its open-circuit voltage. V, A."""

    voltage: float
    current: float
    open_voltage: float

    @property
    def power(self) -> float:
        return self.voltage * self.current


def array_power_point(irradiance: float, ambient: float) -> PowerPoint:
    """Three reused 250 W modules in series, each aged to 200 W: 600 W at 1000 W/m² and 25 °C cell temperature."""
    if irradiance < 1:
        return PowerPoint(0.0, 0.0, 0.0)
    warmth = ambient + 0.03 * irradiance - 25
    power = 600 * irradiance / 1000 * (1 - 0.004 * warmth)
    dimming = 1 + 0.05 * math.log(irradiance / 1000)
    voltage = 91.5 * dimming * (1 - 0.0032 * warmth)
    return PowerPoint(voltage, power / voltage, 112.5 * dimming * (1 - 0.0032 * warmth))
