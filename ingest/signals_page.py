"""`python -m ingest.signals_page` writes docs/signals.md, the catalogue for readers."""

from collections.abc import Iterable
from pathlib import Path

from ingest.signals import Signal, catalogue

PAGE = Path(__file__).parent.parent / "docs" / "signals.md"

INTRODUCTION = """\
# Signals

Made by `python -m ingest.signals_page` from `ingest/signals.toml`: change it there.

A section is a measurement in InfluxDB, a row one of its fields. Battery current is positive into the battery,
everywhere. A device that lacks a signal leaves it out, and a signal that could not be read is absent. A value outside
its plausible range, or a text that is not listed there, is written and flagged, never dropped; one outside the healthy
range wants a look.
"""


def page() -> str:
    """The text of docs/signals.md."""
    return "\n".join([INTRODUCTION, *(_section(name, signals.values()) for name, signals in catalogue().items())])


def _section(measurement: str, signals: Iterable[Signal]) -> str:
    head = "| signal | type | unit | plausible | healthy | meaning |\n| --- | --- | --- | --- | --- | --- |\n"
    return f"## {measurement}\n\n{head}" + "".join(map(_row, signals))


def _row(signal: Signal) -> str:
    cells = (f"`{signal.name}`", signal.type, signal.unit, _plausible(signal), _healthy(signal), signal.description)
    return f"| {' | '.join(cells)} |\n"


def _plausible(signal: Signal) -> str:
    if signal.values:
        return ", ".join(f"`{value}`" for value in signal.values)
    if signal.minimum is None or signal.maximum is None:
        return ""
    return f"{signal.minimum} to {signal.maximum}"


def _healthy(signal: Signal) -> str:
    low, high = signal.healthy_min, signal.healthy_max
    if low is not None and high is not None:
        return f"{low} to {high}"
    if low is not None:
        return f"{low} or more"
    return "" if high is None else f"{high} or less"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    print("docs/signals.md")
