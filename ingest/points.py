"""A reading as one InfluxDB point: line protocol with millisecond timestamps.

Promised: a reading gives one line, and always the same one, whether it is sent live, late or again. Its tags come in a
fixed order and its fields in the catalogue's order and type, so a resend overwrites the point that it made before.
Not promised: that a value is plausible. One outside the catalogue's range is written as it is.
Syntax: https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/
"""

import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from ingest.reading import Reading, TimeQuality, Value
from ingest.signals import COMPUTED_MEASUREMENTS, DEVICE_MEASUREMENTS, SignalType, catalogue

MEASUREMENTS = (*DEVICE_MEASUREMENTS, *COMPUTED_MEASUREMENTS)

INT64_LIMIT = 2**63

# A line ends at a newline even inside quotes, and a lone surrogate (JSON can carry one) has no UTF-8.
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

_FIELD_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\""})
_TAG_ESCAPES = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})


def reading_line(site: str, reading: Reading, time_ms: int, quality: TimeQuality) -> tuple[str, list[str]]:
    """The point of `reading` at `time_ms` (UTC), and one line for each of its signals that had to be set aside.

    Raises ValueError when there is no such point at all: a measurement that is none of a device nor made of such, or a
    site, unit, device or model that no tag can hold.
    """
    if reading.measurement not in MEASUREMENTS:
        raise ValueError(f"measurement {reading.measurement!r} is none of {', '.join(MEASUREMENTS)}")
    series = _series(reading.measurement, reading.device, reading.model, site, reading.unit)
    told_by_gateway: dict[str, Value] = {"time_quality": quality} if reading.measurement in DEVICE_MEASUREMENTS else {}
    if reading.error is not None:
        told_by_gateway["bus_error"] = reading.error
    fields, set_aside = _fields(reading.measurement, reading.signals | told_by_gateway)
    return f"{series} {','.join(fields)} {time_ms}", set_aside


def health_line(site: str, fields: Mapping[str, Value], time_ms: int) -> str:
    """The gateway's own health as a point at `time_ms` (UTC). Raises ValueError when a field is not the catalogue's."""
    encoded, set_aside = _fields("gateway", fields)
    if set_aside:
        raise ValueError(f"gateway health: {'; '.join(set_aside)}")
    return f"gateway,site={_tag_value('site', site)} {','.join(encoded)} {time_ms}"


def is_tag(value: str) -> bool:
    """Whether a tag can hold it."""
    # A backslash cannot be escaped in a tag: before a comma, or at the end, it would change what the line says.
    return bool(value) and "\\" not in value and not _UNWRITABLE.search(value)


def _fields(measurement: str, signals: Mapping[str, Value]) -> tuple[list[str], list[str]]:
    plan, unknown = _plan(measurement, tuple(signals))
    try:
        return [f"{name}={encode(signals[name])}" for name, encode in plan], unknown
    except ValueError:  # rare: so they are all done again, one by one
        pass
    fields, set_aside = [], list(unknown)
    for name, encode in plan:
        try:
            fields.append(f"{name}={encode(signals[name])}")
        except ValueError as error:
            set_aside.append(f"{name}: {error}")
    return fields, set_aside


@lru_cache(maxsize=1024)
def _plan(measurement: str, names: tuple[str, ...]) -> tuple[list[tuple[str, "_Encoder"]], list[str]]:
    """The names in the catalogue's order, each with its type's encoder, and why the others are set aside. A device says
    the same names again and again, and looking each up is what making a line would cost the most.
    """
    known = catalogue()[measurement]
    unknown = [f"{name}: not in ingest/signals.toml for {measurement}" for name in names if name not in known]
    return [(name, _ENCODERS[signal.type]) for name, signal in known.items() if name in names], unknown


_Encoder = Callable[[Value], str]
"""Raises ValueError with the reason when InfluxDB could not store the value in a field of this type."""


def _float(value: Value) -> str:
    if not isinstance(value, float):
        value = _as_float(value)
    if not math.isfinite(value):
        raise ValueError(f"{value} is no finite number")
    return repr(value)


def _as_float(value: Value) -> float:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong_type(value, "float")
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _int(value: Value) -> str:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong_type(value, "int")
    if not -INT64_LIMIT <= value < INT64_LIMIT:
        raise ValueError(f"{value} does not fit into 64 bits")
    return f"{value}i"


def _bool(value: Value) -> str:
    if not isinstance(value, bool):
        raise _wrong_type(value, "bool")
    return "true" if value else "false"


def _string(value: Value) -> str:
    if not isinstance(value, str):
        raise _wrong_type(value, "string")
    if _UNWRITABLE.search(value):
        raise ValueError(f"{value!r} holds a character that line protocol cannot carry")
    return f'"{value.translate(_FIELD_ESCAPES)}"'


def _wrong_type(value: Value, wanted: SignalType) -> ValueError:
    return ValueError(f"{value!r} is not of type {wanted}")


_ENCODERS: dict[SignalType, _Encoder] = {"float": _float, "int": _int, "bool": _bool, "string": _string}


@lru_cache(maxsize=1024)
def _series(measurement: str, device: str, model: str, site: str, unit: str) -> str:
    tags = {"device": device, "model": model, "site": site, "unit": unit}
    return ",".join([measurement, *(f"{key}={_tag_value(key, value)}" for key, value in tags.items())])


def _tag_value(key: str, value: str) -> str:
    if not is_tag(value):
        raise ValueError(f"{key} {value!r}: a tag is not empty and holds neither a backslash nor a control character")
    return value.translate(_TAG_ESCAPES)
