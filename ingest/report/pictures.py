"""The report's pictures. What is not known is hatched or left empty, never drawn as zero."""

from collections.abc import Sequence

from ingest.report.cells import Cell
from ingest.report.figures import Day, Figure, Supply, percent
from ingest.report.gaps import heard
from ingest.report.history import DAY, CapacityPoint, Device
from ingest.report.period import Period
from ingest.report.spans import clip, seconds
from ingest.report.svg import LEFT, TOP, Plot
from ingest.report.trend import Trend

BAR = 0.38
"""Of a day's width."""


def energy(days: Sequence[Day], period: Period) -> str:
    """Made and used, two bars a day in kWh; hatched where the day is not known as a whole."""
    figures = [figure.value for day in days for figure in (day.made, day.used) if figure.value is not None]
    plot = Plot("Energy made and used per day", 180, 0, max(figures, default=1000) / 1000, "kWh")
    width = 1 / _length(period)
    for number, day in enumerate(days):
        left = (number + 0.1) * width
        _energy_bar(plot, left, width, day.made, "made", tip=f"{day.day:%-d %b}: made")
        _energy_bar(plot, left + BAR * width, width, day.used, "used", tip=f"{day.day:%-d %b}: used")
    _days_below(plot, period)
    return plot.text(("made", "used"))


def supply(days: Sequence[Day], supplied: Supply, period: Period) -> str:
    """A line a day from midnight to midnight: with power, without, not known."""
    row = 9
    plot = Plot("Hours of supply", TOP + 24 + row * len(days), 0, 1)
    plot.marks.clear()
    for number, day in enumerate(days):
        top = 1 - number / len(days)
        span = period.day_span(day.day)
        line = top - 0.8 / len(days), top
        plot.bar((0, (span[1] - span[0]) / DAY), line, "unknown", hatched=True)
        for spans, style, word in ((supplied.on, "on", "with power"), (supplied.off, "off", "without power")):
            for start, end in clip(spans, span):
                tip = f"{period.local(start):%-d %b %H:%M} to {period.local(end):%H:%M}: {word}"
                left, right = (start - span[0]) / DAY, (end - span[0]) / DAY
                plot.bar((left, right), line, style, tip)
        if number % 2 == 0:
            plot.label(LEFT - 6, plot.y(top - 0.4 / len(days)) + 3.5, f"{day.day:%-d %b}", "end")
    for hour in range(0, 25, 3):
        plot.below(hour / 24, f"{hour:02}:00")
    return plot.text(("unknown",))


def state_of_charge(days: Sequence[Day], period: Period) -> str:
    """From lowest to highest of each day."""
    plot = Plot("State of charge per day", 95, 0, 100, "%")
    width = 1 / _length(period)
    for number, day in enumerate(days):
        if day.soc is not None:
            tip = f"{day.day:%-d %b}: {day.soc[0]:.0f} to {day.soc[1]:.0f} %"
            plot.bar(((number + 0.25) * width, (number + 0.75) * width), day.soc, "battery", tip)
    _days_below(plot, period)
    return plot.text()


def capacity(points: Sequence[CapacityPoint], line: Trend | None, period: Period) -> str:
    """Each estimate with how far off it may be; the line through them with its 95 % confidence."""
    first = min(period.start, *(point.time for point in points))
    length = period.end - first
    highest = max(point.capacity + point.uncertainty for point in points)
    plot = Plot("Capacity", 210, 0, highest * 1.05, "Ah")
    if line is not None:
        shares = [number / 40 for number in range(41)]
        known = [(share, *line.at(first + share * length)) for share in shares]
        low = [(share, max(value - half, plot.low)) for share, value, half in known]
        high = [(share, min(value + half, plot.high)) for share, value, half in known]
        plot.area(low, high, "battery")
        plot.line([(share, value) for share, value, _ in known], "battery")
    for point in points:
        share = (point.time - first) / length
        low_end, high_end = max(point.capacity - point.uncertainty, 0), point.capacity + point.uncertainty
        plot.line([(share, low_end), (share, high_end)], "whisker")
        tip = f"{period.local(point.time):%-d %b %Y}: {point.capacity:.1f} ± {point.uncertainty:.1f} Ah"
        plot.dot(share, point.capacity, "battery" if point.to_empty else "hollow", tip)
    for number in range(1, 5):
        plot.below(number / 4, f"{period.local(first + number / 4 * length):%-d %b}")
    return plot.text()


def cells(found: Sequence[Cell], weakest: Cell | None) -> str:
    """Each cell from its lowest to its highest of the month, in V."""
    low, high = min(cell.low for cell in found), max(cell.high for cell in found)
    plot = Plot("Cells", 190, low - 0.02, high + 0.02, "V")
    for number, cell in enumerate(found):
        left = number / len(found)
        style = "off" if cell is weakest else "battery"
        tip = f"cell {cell.number}: {cell.low:.3f} to {cell.high:.3f} V"
        plot.bar((left + 0.25 / len(found), left + 0.75 / len(found)), (cell.low, cell.high), style, tip)
        plot.below(left + 0.5 / len(found), str(cell.number))
    return plot.text()


def spread(days: Sequence[Day], period: Period) -> str:
    """The day's largest difference between two cells, in mV."""
    known = [(number, day.spread * 1000) for number, day in enumerate(days) if day.spread is not None]
    plot = Plot("Spread of the cells per day", 130, 0, max((value for _, value in known), default=100), "mV")
    width = 1 / _length(period)
    for number, value in known:
        plot.bar(((number + 0.25) * width, (number + 0.75) * width), (0, value), "battery", f"{value:.0f} mV")
    _days_below(plot, period)
    return plot.text()


def data(devices: Sequence[Device], period: Period) -> str:
    """A row a device, a box a day, as high as the share of the day in which it was heard."""
    row = 26
    plot = Plot("Completeness of the readings per day", TOP + 24 + row * len(devices), 0, 1)
    plot.marks.clear()
    width = 1 / _length(period)
    for place, device in enumerate(devices):
        bottom = 1 - (place + 0.9) / len(devices)
        full = 0.8 / len(devices)
        known = heard(device, period.span)
        plot.label(LEFT - 6, plot.y(bottom + full / 2) + 3.5, device.name, "end")
        for number, day in enumerate(period.days):
            span = period.day_span(day)
            share = seconds(clip(known, span)) / seconds([span])
            left, right = (number + 0.08) * width, (number + 0.92) * width
            plot.bar((left, right), (bottom, bottom + full), "unknown", hatched=True)
            if share:
                plot.bar((left, right), (bottom, bottom + full * share), "on", f"{day:%-d %b}: {percent(share)}")
    _days_below(plot, period)
    return plot.text(("unknown",))


def _energy_bar(plot: Plot, left: float, width: float, figure: Figure, style: str, *, tip: str) -> None:
    if figure.value is not None:
        words = f"{tip} {figure.value / 1000:.2f} kWh, from {percent(figure.known)} of the day"
        high = figure.value / 1000
        plot.bar((left, left + BAR * width), (0, high), style, words, hatched=not figure.is_complete)


def _length(period: Period) -> int:
    return len(period.days)


def _days_below(plot: Plot, period: Period) -> None:
    for number, day in enumerate(period.days):
        if day.day % 2 or len(period.days) < 16:
            plot.below((number + 0.5) / _length(period), str(day.day))
