"""A panel as HTML. A kind of panel that is not known here is an error that names it, and so is one without data."""

import html
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hil_tests.grafana_stand_in import DAY_MS, Shown
from hil_tests.preview.frames import Panel, PreviewError, Query, Series, series_of, table_of
from hil_tests.preview.looks import color, mapped, settings, shown, symbol, threshold_color
from ingest.report.svg import Plot

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
HUES = 12
"""The style sheet has as many, s0 to s11, for the series of a panel."""

TITLE_HEIGHT, LEGEND_HEIGHT, ROW_HEIGHT = 26, 34, 21
WIDEST_BAR = 24
"""Bars in a panel at least: what comes seldom is not shown as if it lasted until the next."""

SCALES = {"bytes": (1e6, "MB")}
"""Units whose numbers are too long for a scale: what they are divided by, and what stands below it then."""


def draw(panel: Panel, chosen: Shown, query: Query, width: int, height: int) -> str:
    """The panel's inside at that size in pixels. Raises PreviewError."""
    match panel["type"]:
        case "stat":
            return _stat(panel, chosen, query)
        case "table":
            return _table(panel, chosen, query, height - TITLE_HEIGHT)
        case "timeseries":
            return _time_series(panel, chosen, query, width, height - TITLE_HEIGHT - LEGEND_HEIGHT)
        case "state-timeline":
            return _states(panel, chosen, query, width, height - TITLE_HEIGHT - LEGEND_HEIGHT)
    raise PreviewError(f"{panel['title']}: panel type {panel['type']!r} is not known to the preview")


def _series(panel: Panel, chosen: Shown, query: Query) -> list[Series]:
    series = series_of(panel, chosen, query)
    if not series:
        raise PreviewError(f"{panel['title']}: no data")
    return series


def _stat(panel: Panel, chosen: Shown, query: Query) -> str:
    parts = []
    for series in _series(panel, chosen, query):
        value = series.points[-1][1]
        field = settings(panel, series.name, series.ref_id)
        hue = threshold_color(value, field) or color("green")
        parts.append(f'<b class="stat" style="color:{hue}">{html.escape(shown(value, field, chosen.end))}</b>')
    return "".join(parts)


def _table(panel: Panel, chosen: Shown, query: Query, height: int) -> str:
    table = table_of(panel, chosen, query)
    if not table.rows:
        raise PreviewError(f"{panel['title']}: no data")
    fits = max(1, height // ROW_HEIGHT - 1)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in table.columns)
    body = "".join(
        f"<tr>{''.join(_cell(panel, name, row.get(name), chosen.end) for name in table.columns)}</tr>"
        for row in table.rows[:fits]
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(panel: Panel, name: str, value: Any, now: int) -> str:
    field = settings(panel, name)
    if name == "Time" and "unit" not in field:
        return f"<td>{_local(value):%-d %b %H:%M}</td>"
    style = ""
    if isinstance(value, int | float) and not isinstance(value, bool) and (hue := threshold_color(value, field)):
        background = field.get("custom.cellOptions", {}).get("type") == "color-background"
        style = f' style="background:{hue};color:#fff"' if background else f' style="color:{hue}"'
    return f"<td{style}>{html.escape(shown(value, field, now))}</td>"


def _time_series(panel: Panel, chosen: Shown, query: Query, width: int, height: int) -> str:
    """A plot for each unit, one below the other: Grafana has them in one, with an axis each."""
    series = _series(panel, chosen, query)
    fields = [settings(panel, one.name, one.ref_id) for one in series]
    units = list(dict.fromkeys(field.get("unit") or "none" for field in fields))
    span = chosen.of(dict(panel))
    drawn = []
    for unit in units:
        own = [number for number, field in enumerate(fields) if (field.get("unit") or "none") == unit]
        divisor, below = SCALES.get(unit, (1, symbol(unit)))
        scaled = [replace(one, points=[(time, value / divisor) for time, value in one.points]) for one in series]
        values = [value for number in own for _, value in scaled[number].points]
        low = min([*values, *(fields[number]["min"] for number in own if "min" in fields[number])])
        high = max([*values, *(fields[number]["max"] for number in own if "max" in fields[number])])
        plot = Plot(panel["title"], height // len(units), low, high, below, width)
        _time_below(plot, span)
        for number in own:
            _marks(plot, scaled, number, fields[number], span)
        drawn.append(plot.text())
    return "".join(drawn) + _legend([one.name for one in series])


def _marks(plot: Plot, series: Sequence[Series], number: int, field: dict[str, Any], span: Shown) -> None:
    one, hue = series[number], f"s{number % HUES}"
    points = [(_share(time, span), value) for time, value in one.points]
    match field.get("custom.drawStyle", "line"):
        case "bars":
            beside = [other for other, each in enumerate(series) if each.ref_id == one.ref_id]
            step = min((later - time for (time, _), (later, _) in pairwise(one.points)), default=DAY_MS)
            bar = 0.8 * min(_share(span.start + step, span), 1 / WIDEST_BAR) / len(beside)
            for share, value in points:
                left = share + beside.index(number) * bar
                plot.bar((min(left, 1), min(left + bar, 1)), (min(plot.low, 0), value), hue)
        case "points":
            for share, value in points:
                plot.dot(share, value, hue)
        case "line":
            below = field.get("custom.fillBelowTo")
            if below is not None:
                [floor] = [other for other in series if other.name == below]
                plot.area([(_share(time, span), value) for time, value in floor.points], points, hue)
            for stretch in _stretches(one, field, span):
                if len(stretch) == 1:
                    plot.dot(*stretch[0], hue)
                else:
                    plot.line(stretch, hue)
        case other:
            raise PreviewError(f"{one.name}: draw style {other!r} is not known to the preview")


def _stretches(series: Series, field: dict[str, Any], span: Shown) -> list[list[tuple[float, Any]]]:
    """The line, broken where its points are further apart than the panel allows."""
    if field.get("custom.lineWidth") == 0:
        return []
    longest = field.get("custom.insertNulls")
    stretches: list[list[tuple[float, Any]]] = [[]]
    before = series.points[0][0]
    for time, value in series.points:
        if isinstance(longest, int) and time - before > longest and not field.get("custom.spanNulls"):
            stretches.append([])
        stretches[-1].append((_share(time, span), value))
        before = time
    return stretches


def _states(panel: Panel, chosen: Shown, query: Query, width: int, height: int) -> str:
    """A band for each series; a state lasts until the next."""
    series = _series(panel, chosen, query)
    span = chosen.of(dict(panel))
    plot = Plot(panel["title"], height, 0, 1, width=width)
    plot.marks.clear()
    _time_below(plot, span)
    band = 1 / len(series)
    states: dict[str, str] = {}
    for number, one in enumerate(series):
        top = 1 - number * band
        mappings = settings(panel, one.name, one.ref_id).get("mappings", ())
        changes = [one.points[0], *(later for before, later in pairwise(one.points) if before[1] != later[1])]
        for (time, value), (later, _) in pairwise([*changes, (span.end, None)]):
            text, hue = mapped(value, mappings)
            states[text] = hue
            left, right = plot.x(_share(time, span)), plot.x(_share(later, span))
            upper, lower = plot.y(top), plot.y(top - 0.8 * band)
            place = f'x="{left:.1f}" y="{upper:.1f}" width="{max(right - left, 0.5):.1f}" height="{lower - upper:.1f}"'
            plot.marks.append(f'<rect {place} fill="{hue}"/>')
        place = f'x="{plot.x(0) + 4:.1f}" y="{plot.y(top - 0.4 * band) + 3.5:.1f}"'
        plot.marks.append(f'<text class="over" {place}>{html.escape(one.name)}</text>')
    keys = "".join(f'<span><i style="background:{hue}"></i>{html.escape(text)}</span>' for text, hue in states.items())
    return f'{plot.text()}<p class="legend">{keys}</p>'


def _legend(names: Sequence[str]) -> str:
    keys = "".join(
        f'<span><i class="s{number % HUES}"></i>{html.escape(name)}</span>' for number, name in enumerate(names)
    )
    return f'<p class="legend">{keys}</p>'


def _time_below(plot: Plot, span: Shown) -> None:
    long = span.end - span.start > 2 * DAY_MS
    for quarter in range(1, 4):
        time = _local(span.start + quarter * (span.end - span.start) // 4)
        plot.below(quarter / 4, f"{time:%-d %b}" if long else f"{time:%H:%M}")


def _share(time: int, span: Shown) -> float:
    return min(max((time - span.start) / (span.end - span.start), 0), 1)


def _local(time: int) -> datetime:
    return datetime.fromtimestamp(time / 1000, ZONE)
