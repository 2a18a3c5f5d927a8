"""How hot the gateway's processor is, as the kernel tells it: Documentation/driver-api/thermal/sysfs-api.rst."""

from pathlib import Path

SENSOR = Path("/sys/class/thermal/thermal_zone0/temp")
"""On a Raspberry Pi the only one, and the processor's."""


def cpu_temperature(sensor: Path = SENSOR) -> float | None:
    """In °C; None where there is no such sensor, or where it cannot be read now."""
    try:
        return int(sensor.read_text("ascii")) / 1000
    except (OSError, ValueError):
        return None
