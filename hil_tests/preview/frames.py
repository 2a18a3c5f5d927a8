"""What a panel's queries bring, as Grafana's InfluxDB data source gives it to the panel, and what the panel's
transformations make of it. Only those that our dashboards use; any other is an error that names it.

Transformations: https://grafana.com/docs/grafana/latest/panels-visualizations/query-transform-data/transform-data/
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from hil_tests.grafana_stand_in import Shown

Panel = Mapping[str, Any]
Query = Callable[[str], list[dict[str, Any]]]
"""An InfluxQL query's rows, columns and tags by name, times in UTC ms."""


class PreviewError(RuntimeError):
    """What the preview cannot show, in one line that names it."""


@dataclass(frozen=True, slots=True)
class Series:
    """Values over time, in UTC ms, of one query."""

    name: str
    ref_id: str
    points: Sequence[tuple[int, Any]]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows by column name."""

    columns: Sequence[str]
    rows: Sequence[Mapping[str, Any]] = field(default_factory=list)


def series_of(panel: Panel, chosen: Shown, query: Query) -> list[Series]:
    """One for each column and each value of the tag that a query groups by."""
    found: dict[tuple[str, str], list[tuple[int, Any]]] = {}
    for target in panel["targets"]:
        text = chosen.of(dict(panel)).filled_in(target["query"])
        tag = _tag(text)
        for row in query(text):
            for column, value in row.items():
                if value is not None and column not in ("time", tag):
                    name = target["alias"].replace("$col", column).replace("$tag_device", str(row.get("device", "")))
                    found.setdefault((name, target["refId"]), []).append((row["time"], value))
    series = [Series(name, ref_id, points) for (name, ref_id), points in found.items()]
    for step in panel.get("transformations", ()):
        if step["id"] == "renameByRegex":
            series = [replace(one, name=_renamed(one.name, step["options"])) for one in series]
    return series


def table_of(panel: Panel, chosen: Shown, query: Query) -> Table:
    """The panel's queries, through its transformations. Raises PreviewError for one that is not known here."""
    if all(target["resultFormat"] == "time_series" for target in panel["targets"]):
        table = Table(())
        series = series_of(panel, chosen, query)
    else:
        tables = [_queried(target, chosen.of(dict(panel)), query) for target in panel["targets"]]
        table = tables[0]
        series = []
    for step in panel.get("transformations", ()):
        options = step["options"]
        match step["id"]:
            case "renameByRegex":
                pass  # series_of has done it
            case "reduce":
                table = _reduced(series, options["reducers"])
            case "sortBy":
                table = _sorted(table, options["sort"][0]["field"], desc=options["sort"][0]["desc"])
            case "merge":
                table = Table(list(dict.fromkeys(name for one in tables for name in one.columns)), _all_rows(tables))
            case "joinByField":
                table = _joined(tables, options["byField"])
            case "calculateField":
                table = _calculated(table, options["alias"], options["reduce"]["include"])
            case "organize":
                table = _organized(table, options)
            case other:
                raise PreviewError(f"{panel['title']}: transformation {other!r} is not known to the preview")
    for order in reversed(panel["options"].get("sortBy", ())):
        table = _sorted(table, order["displayName"], desc=order["desc"])
    return table


def _tag(query: str) -> str | None:
    found = re.search(r'GROUP BY .*"(\w+)"', query)
    return found[1] if found else None


def _renamed(name: str, options: Mapping[str, str]) -> str:
    pattern = re.sub(r"\$(\d)", r"\\\1", options["renamePattern"])
    return re.sub(options["regex"], lambda found: found.expand(pattern), name, count=1).strip()


def _queried(target: Mapping[str, Any], chosen: Shown, query: Query) -> Table:
    rows = [{"Time": row.pop("time"), **row} for row in query(chosen.filled_in(target["query"]))]
    tag = _tag(target["query"])
    names = list(dict.fromkeys(name for row in rows for name in row))
    return Table(sorted(names, key=lambda name: (name != "Time", name != tag)), rows)


def _all_rows(tables: Sequence[Table]) -> list[Mapping[str, Any]]:
    return [row for table in tables for row in table.rows]


def _reduced(series: Sequence[Series], reducers: Sequence[str]) -> Table:
    known: dict[str, tuple[str, Callable[[list[float]], float]]] = {
        "lastNotNull": ("Last *", lambda values: values[-1]),
        "mean": ("Mean", fmean),
        "min": ("Min", min),
        "max": ("Max", max),
    }
    unknown = [reducer for reducer in reducers if reducer not in known]
    if unknown:
        raise PreviewError(f"reducer {unknown[0]!r} is not known to the preview")
    columns = ["Field", *(known[reducer][0] for reducer in reducers)]
    return Table(
        columns,
        [
            {"Field": one.name}
            | {known[reducer][0]: known[reducer][1]([value for _, value in one.points]) for reducer in reducers}
            for one in series
        ],
    )


def _sorted(table: Table, column: str, *, desc: bool) -> Table:
    known = [row for row in table.rows if row.get(column) is not None]
    rest = [row for row in table.rows if row.get(column) is None]
    return Table(table.columns, [*sorted(known, key=lambda row: row[column], reverse=desc), *rest])


def _joined(tables: Sequence[Table], key: str) -> Table:
    """An outer join; columns of one name in several tables are numbered."""
    often = [name for table in tables for name in table.columns if name != key]
    columns = [key]
    rows: dict[Any, dict[str, Any]] = {}
    for number, table in enumerate(tables, 1):
        names = {name: f"{name} {number}" if often.count(name) > 1 else name for name in table.columns if name != key}
        columns += names.values()
        for row in table.rows:
            joined = rows.setdefault(row[key], {key: row[key]})
            joined |= {names[name]: value for name, value in row.items() if name != key}
    return Table(columns, list(rows.values()))


def _calculated(table: Table, alias: str, include: Sequence[str]) -> Table:
    rows = [{**row, alias: sum(row.get(name) or 0 for name in include)} for row in table.rows]
    return Table([*table.columns, alias], rows)


def _organized(table: Table, options: Mapping[str, Any]) -> Table:
    names = options.get("renameByName", {})
    kept = [name for name in table.columns if not options.get("excludeByName", {}).get(name)]
    rows = [{names.get(name, name): row.get(name) for name in kept} for row in table.rows]
    return Table([names.get(name, name) for name in kept], rows)
