"""Who hears the few readings of each segment's telling knows what he would know of all readings."""

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.dating import Dating
from gateway.entry import Entry, StoredFrame
from gateway.gaps import Gaps
from gateway.outline import Outline, footer, footer_of
from gateway.telling import Telling
from gateway.units import Units
from tests.gateway_stand_ins import BOOT, KERNEL, UTC_2026, ScriptedClocks, entry, heard_by

OTHER_BOOT = "00000000000000bb"


@st.composite
def arrivals(draw: st.DrawFn, kernels: tuple[str, ...] = ("kernel-0", KERNEL)) -> list[list[Entry]]:
    """Segments of readings as they arrive, those of an earlier kernel boot first."""
    keys = draw(st.lists(st.tuples(st.sampled_from((BOOT, OTHER_BOOT)), st.integers(0, 9)), unique=True, max_size=16))
    kernel_of = sorted(draw(st.lists(st.sampled_from(kernels), min_size=len(keys), max_size=len(keys))))
    received, segments = 0, [[]]  # type: int, list[list[Entry]]
    for kernel, (boot, seq) in zip(kernel_of, keys, strict=True):
        received += draw(st.integers(0, 3)) * 1000
        up = 1000 * seq
        signals = draw(st.dictionaries(st.sampled_from(["soc", "current", "pack_voltage"]), st.integers(0, 3)))
        measurement, device = draw(st.sampled_from([("bms", "bms1"), ("charge_controller", "pv1"), ("unit", "board")]))
        reading = entry(
            seq,
            (UTC_2026 + received, "gateway") if draw(st.booleans()) else None,
            received=received,
            kernel=kernel,
            queued=draw(st.booleans()),
            boot=boot,
            up=up,
            sent=draw(st.sampled_from([None, up, up + 3000])),
            signals=signals,
            device=device,
            measurement=measurement,
        )
        if draw(st.integers(0, 3)) == 0:
            segments.append([])
        segments[-1].append(reading)
    return segments


def heard(segment: list[Entry]) -> Telling:
    telling = Telling()
    for reading in segment:
        telling.add(reading)
    return telling


def joined(segment: list[Entry]) -> Telling:
    telling = Telling()
    for reading in segment:
        telling.join(heard([reading]))
    return telling


def from_a_footer(segment: list[Entry]) -> Telling:
    outline = Outline.of([StoredFrame(number, (reading,), None) for number, reading in enumerate(segment, 1)])
    found = footer_of(footer(outline, 0), len(footer(outline, 0)))
    assert found is not None
    return found.outline.telling


ways = st.sampled_from([heard, joined, from_a_footer])
Way = Callable[[list[Entry]], Telling]


def gaps_known(gaps: Gaps) -> dict[Any, Any]:
    return {key: (edges.heard.ranges(), edges.entries) for key, edges in gaps._edges.items()}


@given(arrivals(), ways)
def test_of_the_boots_beginnings(segments: list[list[Entry]], way: Way) -> None:
    clock = ScriptedClocks().clock()
    whole, told = Dating(clock, KERNEL), Dating(clock, KERNEL)
    for segment in segments:
        for reading in segment:
            whole.heard_entry(reading)
        for reading in way(segment).bare:
            told.heard_entry(reading)
    assert told._present == whole._present
    assert list(told._earlier.items()) == list(whole._earlier.items())


@given(arrivals(), ways)
def test_of_what_is_missing(segments: list[list[Entry]], way: Way) -> None:
    whole, told = Gaps(), Gaps()
    for segment in segments:
        for reading in segment:
            whole.stored(reading)
        heard_by(told)(way(segment))
    assert gaps_known(told) == gaps_known(whole)


@given(arrivals((KERNEL,)), ways)
def test_of_the_devices_latest_values(segments: list[list[Entry]], way: Way) -> None:
    whole, told = Units(), Units()
    for segment in segments:
        for units, entries in ((whole, segment), (told, way(segment).latest)):
            for reading in entries:
                units.heard(reading.message, None if reading.queued else reading.received)
    assert str(told.snapshot()) == str(whole.snapshot())


def test_a_reading_after_a_restart_of_the_machine_is_newer() -> None:
    telling = Telling()
    telling.add(entry(5, received=10**9, kernel="kernel-0"))
    telling.add(entry(6, received=1000))
    assert [one.reading.seq for one in telling.latest] == [6]


def test_of_many_readings_only_a_few_are_kept() -> None:
    telling = heard([entry(seq, received=1000 * seq) for seq in range(500)])
    assert len(telling.bare) + len(telling.latest) <= 5
