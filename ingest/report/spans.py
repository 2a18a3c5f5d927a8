"""Stretches of time: sorted, apart from each other, each from its first UTC second up to, but not with, its last."""

from collections.abc import Iterable, Sequence

Span = tuple[int, int]


def union(spans: Iterable[Span]) -> list[Span]:
    """What any of them covers."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        elif start < end:
            joined.append((start, end))
    return joined


def without(span: Span, holes: Sequence[Span]) -> list[Span]:
    """What is left of one span."""
    left, at = [], span[0]
    for start, end in clip(holes, span):
        if start > at:
            left.append((at, start))
        at = end
    if at < span[1]:
        left.append((at, span[1]))
    return left


def common(first: Sequence[Span], second: Sequence[Span]) -> list[Span]:
    """What both cover."""
    return [piece for span in second for piece in clip(first, span)]


def clip(spans: Iterable[Span], span: Span) -> list[Span]:
    """What of them lies within one span."""
    cut = ((max(start, span[0]), min(end, span[1])) for start, end in spans)
    return [(start, end) for start, end in cut if start < end]


def seconds(spans: Iterable[Span]) -> int:
    """How long they are together."""
    return sum(end - start for start, end in spans)
