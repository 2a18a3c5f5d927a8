"""Everything that the encoder writes, read back by a parser that is not ours: PyPI `line-protocol-parser`, in C.

One thing that it cannot read is valid: a float below 2.2e-308 (subnormal), for which C's strtod says "out of range"
though it returns it. hil_tests/test_database.py writes such a one into the real InfluxDB instead.
"""

import gzip
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from line_protocol_parser import parse_line

from ingest.body import QUICK, TIGHT, pack
from ingest.points import INT64_LIMIT, MEASUREMENTS, health_line, reading_line
from ingest.reading import Reading, TimeQuality, Value
from ingest.signals import DEVICE_MEASUREMENTS, Signal, catalogue

SPECIAL = " ,=\"\\#'éサ🔋\u2028\u00a0"
QUALITIES: tuple[TimeQuality, ...] = ("device", "gateway", "late", "estimated")

printable = st.characters(exclude_categories=["Cs", "Cc"])
texts = st.text(printable | st.sampled_from(SPECIAL), max_size=40)
tags = st.text(printable.filter(lambda letter: letter != "\\") | st.sampled_from(' ,="#é🔋'), min_size=1, max_size=20)
times = st.integers(-(2**63) // 10**6, 2**63 // 10**6)
floats = st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False)
extremes = st.sampled_from([0.0, -0.0, 1.7976931348623157e308, -1.7976931348623157e308, 2.2250738585072014e-308])

good: dict[str, st.SearchStrategy[Value]] = {
    "float": floats | extremes | st.integers(-(2**53), 2**53),
    "int": st.integers(-INT64_LIMIT, INT64_LIMIT - 1) | st.sampled_from([0, INT64_LIMIT - 1, -INT64_LIMIT]),
    "bool": st.booleans(),
    "string": texts,
}
unwritable: dict[str, st.SearchStrategy[Value]] = {
    "float": st.sampled_from([math.nan, math.inf, -math.inf, 10**400]) | st.booleans() | texts,
    "int": st.integers(min_value=INT64_LIMIT) | st.integers(max_value=-INT64_LIMIT - 1) | floats | st.booleans(),
    "bool": st.integers() | texts,
    "string": st.builds(str.__add__, texts, st.sampled_from(["\n", "\r", "\t", "\x00", "\x7f", "\ud800"])) | floats,
}


@st.composite
def signals_of(draw: st.DrawFn, measurement: str) -> tuple[dict[str, Value], set[str]]:
    """Some signals, and which of them no field can hold."""
    told_by_gateway = ("time_quality", "bus_error") if measurement in DEVICE_MEASUREMENTS else ()
    table = [signal for signal in catalogue()[measurement].values() if signal.name not in told_by_gateway]
    chosen: list[Signal] = draw(st.lists(st.sampled_from(table), min_size=1, unique=True, max_size=12))
    bad = draw(st.sets(st.sampled_from([signal.name for signal in chosen]), max_size=2))
    values = {
        signal.name: draw((unwritable if signal.name in bad else good)[signal.type], label=signal.name)
        for signal in chosen
    }
    return values, bad


def same(value: Any, signal: Signal, written: Value) -> bool:
    """Equal and of the catalogue's type, zeroes with their sign."""
    kinds: dict[str, type] = {"float": float, "int": int, "bool": bool, "string": str}
    if type(value) is not kinds[signal.type] or value != written:
        return False
    return not isinstance(written, float) or str(value) == str(written)


@given(st.data(), st.sampled_from(MEASUREMENTS), st.tuples(tags, tags, tags, tags), times)
def test_a_reading_is_read_back_as_it_was_given(
    data: st.DataObject, measurement: str, names: tuple[str, str, str, str], time: int
) -> None:
    site, unit, device, model = names
    quality, error = data.draw(st.sampled_from(QUALITIES)), data.draw(st.none() | texts)
    signals, bad = data.draw(signals_of(measurement))
    if measurement not in DEVICE_MEASUREMENTS:
        error = None
        if len(bad) == len(signals):
            return  # what the gateway makes always has a field
    line, set_aside = reading_line(
        site, Reading(unit, "0a1b2c3d", 7, device, model, measurement, 5_000, time, signals, error), time, quality
    )
    point = parse_line(line)
    assert {reason.partition(":")[0] for reason in set_aside} == bad
    assert (point["measurement"], point["time"]) == (measurement, time)
    assert point["tags"] == {"site": site, "unit": unit, "device": device, "model": model}
    expected = {name: value for name, value in signals.items() if name not in bad}
    if measurement in DEVICE_MEASUREMENTS:
        expected |= {"time_quality": quality} | ({} if error is None else {"bus_error": error})
    assert point["fields"].keys() == expected.keys()
    for name, value in point["fields"].items():
        assert same(value, catalogue()[measurement][name], expected[name]), (name, value, expected[name])


@given(st.data(), tags, times)
def test_the_gateways_health_is_read_back(data: st.DataObject, site: str, time: int) -> None:
    table = list(catalogue()["gateway"].values())
    chosen = data.draw(st.lists(st.sampled_from(table), min_size=1, unique=True))
    fields = {signal.name: data.draw(good[signal.type]) for signal in chosen}
    point = parse_line(health_line(site, fields, time))
    assert (point["measurement"], point["tags"], point["time"]) == ("gateway", {"site": site}, time)
    assert point["fields"] == fields


@given(st.lists(st.tuples(tags, texts, times), min_size=1, max_size=20), st.sampled_from([TIGHT, QUICK]))
def test_a_body_is_its_lines_and_no_text_in_them_makes_two_of_one(
    points: list[tuple[str, str, int]], level: int
) -> None:
    lines = [
        reading_line("s", Reading("u", "b", 0, device, "m", "event", 0, time, {"text": text}), time, "device")[0]
        for device, text, time in points
    ]
    body, encoding = pack(lines, level)
    plain = gzip.decompress(body) if encoding == "gzip" else body
    back = [parse_line(line) for line in plain.decode().split("\n")]
    assert sorted((one["tags"]["device"], one["fields"]["text"], one["time"]) for one in back) == sorted(points)
