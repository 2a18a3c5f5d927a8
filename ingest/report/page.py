"""The report as one HTML page: `page.html` with figures and pictures put in. It refers to nothing outside itself."""

from collections.abc import Sequence
from datetime import datetime
from importlib import resources

import jinja2
from markupsafe import Markup

from ingest.report import pictures, report
from ingest.report.figures import Figure, percent
from ingest.report.gaps import LOSS_REASONS
from ingest.report.report import Report
from ingest.report.spans import Span


def render(told: Report, database: str, written: datetime) -> str:
    """The page. `database` names where the figures come from, `written` is now on the village's clocks."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"kwh": _kwh, "percent": percent, "from": _from, "lasting": _lasting}
    period = told.period
    template = environment.from_string(resources.files("ingest.report").joinpath("page.html").read_text("utf-8"))
    return template.render(
        report=told,
        period=period,
        history=told.history,
        baseline=told.baseline,
        database=database,
        written=written,
        pictures=_pictures(told),
        incomplete=report.incomplete(told.days),
        local=period.local,
        loss_reasons=LOSS_REASONS,
        served=report.SERVED,
        enough=report.ENOUGH,
    )


def _pictures(told: Report) -> dict[str, Markup]:
    """Those that there is something to show in."""
    days, period = told.days, told.period
    drawn = {"energy": pictures.energy(days, period)}
    if told.supplied.on or told.supplied.off:
        drawn["supply"] = pictures.supply(days, told.supplied, period)
    if any(day.soc for day in days):
        drawn["soc"] = pictures.state_of_charge(days, period)
    if any(day.spread is not None for day in days):
        drawn["spread"] = pictures.spread(days, period)
    if told.history.devices:
        drawn["data"] = pictures.data(told.history.devices, period)
    if told.history.capacity:
        drawn["capacity"] = pictures.capacity(told.history.capacity, told.capacity_trend, period)
    drawn |= {f"cells {pack.device}": pictures.cells(pack.cells, pack.weakest) for pack in told.packs if pack.cells}
    # The pictures escape what they are given themselves.
    return {name: Markup(picture) for name, picture in drawn.items()}  # noqa: S704


def _kwh(figure: Figure) -> str:
    return "not known" if figure.value is None else f"{figure.value / 1000:.2f} kWh"


def _from(figure: Figure, whole: str) -> str:
    """How complete a figure is, in words."""
    return f"from {percent(figure.known)} of the {whole}"


def _lasting(span: Span) -> str:
    minutes = round((span[1] - span[0]) / 60)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts: Sequence[tuple[int, str]] = ((days, "d"), (hours, "h"), (rest, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)
