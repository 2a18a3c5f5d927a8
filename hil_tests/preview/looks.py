"""How a value looks: unit, colour by threshold or mapping, and a panel's settings for one field, as Grafana has them.

Units: https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hil_tests.preview.frames import Panel, PreviewError

COLORS = {
    "green": "#37872d",
    "light-green": "#73bf69",
    "yellow": "#e0a400",
    "super-light-yellow": "#ffee98",
    "orange": "#e87400",
    "red": "#c4162a",
    "purple": "#8f3bb8",
    "dark-blue": "#1f4e9c",
    "gray": "#9fa7b0",
}
SYMBOLS = {
    "none": "",
    "percent": "%",
    "amp": "A",
    "amph": "Ah",
    "volt": "V",
    "watt": "W",
    "watth": "Wh",
    "ohm": "Ω",
    "dBm": "dBm",
    "celsius": "°C",
    "s": "s",
    "bytes": "B",
}
_AGO = "dateTimeFromNow"


def color(name: str) -> str:
    """Grafana's name of a colour as CSS."""
    try:
        return COLORS[name]
    except KeyError:
        raise PreviewError(f"colour {name!r} is not known to the preview") from None


def symbol(unit: str) -> str:
    """What stands behind a number."""
    try:
        return SYMBOLS[unit]
    except KeyError:
        raise PreviewError(f"unit {unit!r} is not known to the preview") from None


def settings(panel: Panel, name: str, ref_id: str = "") -> dict[str, Any]:
    """The panel's defaults with what its overrides say of that field, by the overrides' ids."""
    defaults = panel.get("fieldConfig", {}).get("defaults") or {}
    found = {key: value for key, value in defaults.items() if key != "custom"}
    found |= {f"custom.{key}": value for key, value in defaults.get("custom", {}).items()}
    for override in panel.get("fieldConfig", {}).get("overrides", ()):
        if _matches(override["matcher"], name, ref_id):
            found |= {each["id"]: each["value"] for each in override["properties"]}
    return found


def shown(value: Any, field: Mapping[str, Any], now: int) -> str:
    """A value in words; `now` in UTC ms for those that tell how long ago."""
    unit = field.get("unit") or "none"
    if value is None:
        return ""
    if unit == _AGO:
        return f"{_duration((now - value) / 1000)} ago"
    if isinstance(value, bool | str):
        return str(value).lower() if isinstance(value, bool) else value
    if unit == "s":
        return _duration(value)
    if unit == "bytes":
        return _bytes(value)
    decimals = field.get("decimals")
    number = (
        f"{value:.{decimals}f}" if decimals is not None else f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    )
    return f"{number} {symbol(unit)}".strip()


def threshold_color(value: Any, field: Mapping[str, Any]) -> str | None:
    """The colour of the last threshold that the number has reached; None without thresholds."""
    steps = field.get("thresholds", {}).get("steps", ())
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return color(reached[-1]) if reached else None


def mapped(value: Any, mappings: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Text and colour of a state."""
    key = str(value).lower() if isinstance(value, bool) else str(value)
    for mapping in mappings:
        options = mapping["options"]
        if mapping["type"] == "value" and key in options:
            return options[key].get("text", key), color(options[key]["color"])
        if mapping["type"] == "range" and options["from"] <= value <= options["to"]:
            return key, color(options["result"]["color"])
    raise PreviewError(f"state {value!r} has no mapping")


def _matches(matcher: Mapping[str, str], name: str, ref_id: str) -> bool:
    match matcher["id"]:
        case "byName":
            return matcher["options"] == name
        case "byRegexp":
            return re.search(matcher["options"].strip("/"), name) is not None
        case "byFrameRefID":
            return matcher["options"] == ref_id
    raise PreviewError(f"matcher {matcher['id']!r} is not known to the preview")


def _duration(seconds: float) -> str:
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if abs(seconds) >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"


def _bytes(value: float) -> str:
    for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f} B"
