from hypothesis import given
from hypothesis import strategies as st

from ingest.report.spans import Span, clip, common, seconds, union, without

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda ends: (min(ends), max(ends))))
ALL = (0, 60)


def held(spans: list[Span]) -> set[int]:
    return {second for start, end in spans for second in range(start, end)}


@given(SPANS)
def test_a_union_holds_each_second_once_and_in_order(spans: list[Span]) -> None:
    joined = union(spans)
    assert held(joined) == held(spans)
    assert seconds(joined) == len(held(spans))
    assert joined == sorted(joined)


@given(SPANS)
def test_what_is_left_and_what_was_taken_are_the_whole(spans: list[Span]) -> None:
    joined = union(spans)
    left = without(ALL, joined)
    assert held(left) | held(joined) == set(range(*ALL))
    assert held(left) & held(joined) == set()


@given(SPANS, SPANS)
def test_common_is_what_both_hold(first: list[Span], second: list[Span]) -> None:
    assert held(common(union(first), union(second))) == held(first) & held(second)


def test_clipping_cuts_at_both_ends_and_drops_what_is_outside() -> None:
    assert clip([(0, 5), (8, 20), (30, 40)], (3, 10)) == [(3, 5), (8, 10)]
