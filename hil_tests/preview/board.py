"""A dashboard as one HTML page: its panels where `gridPos` has them, under a line that says what it is not."""

import html
from collections.abc import Iterator

from hil_tests.grafana_stand_in import DASHBOARDS, DAY_MS, Shown
from hil_tests.month import Month
from hil_tests.preview.draw import HUES, TITLE_HEIGHT, draw
from hil_tests.preview.frames import Panel, PreviewError

COLUMN, LINE, GAP, HEAD = 56, 34, 6, 40
"""Pixels: a column of the grid and one of its lines, what is left free between panels, and the line on top."""

INTERVALS = {1: "2m", 7: "10m", 30: "1h"}
"""Days shown → what Grafana would choose for a panel as wide."""

STYLE = f"""
* {{ box-sizing: border-box; margin: 0; }}
body {{ background: #eef1f4; font: 11px Arial, "Liberation Sans", "DejaVu Sans", sans-serif; color: #24292e; }}
h1 {{ position: absolute; left: {GAP}px; top: 10px; font-size: 16px; }} h1 span {{ font-weight: normal; color: #667; }}
section {{ position: absolute; background: #fff; border: 1px solid #d8dde2; border-radius: 3px; overflow: hidden; }}
h2 {{ font-size: 12px; height: {TITLE_HEIGHT}px; padding: 6px 8px;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }}
section.row {{ background: none; border: 0; }} section.row h2 {{ font-size: 13px; }}
svg {{ display: block; width: 100%; }} svg text {{ font-size: 10px; fill: #667; }} svg .over {{ fill: #fff; }}
.grid {{ stroke: #e3e7ea; }} .line {{ fill: none; stroke-width: 1.3; }} .area {{ opacity: 0.2; }}
.legend {{ height: 28px; overflow: hidden; padding: 0 8px; color: #556; }}
.legend span {{ margin-right: 9px; white-space: nowrap; display: inline-block; }}
.legend i {{ display: inline-block; width: 10px; height: 4px; margin-right: 4px; vertical-align: 2px; }}
.stat {{ display: block; text-align: center; font-size: 26px; padding-top: 8%; }}
table {{ border-collapse: collapse; width: 100%; }} th, td {{ text-align: left; padding: 2px 8px; height: 21px;
  border-bottom: 1px solid #eef1f4; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; max-width: 260px; }}
""" + "".join(
    f".s{number} {{ fill: {hue}; }} i.s{number} {{ background: {hue}; }} "
    f".line.s{number} {{ stroke: {hue}; fill: none; }}\n"
    for number in range(HUES)
    for hue in [f"hsl({(90 + 137 * number) % 360} 62% 42%)"]
)


def page(name: str, month: Month) -> tuple[str, tuple[int, int]]:
    """The HTML of that file's dashboard with the month's first unit, and its width and height in pixels."""
    board = DASHBOARDS[name]
    chosen = _chosen(board["time"]["from"], month)
    height = HEAD + LINE * max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    said = f"preview, not Grafana · {month.site}, {chosen.unit} · {board['time']['from']}"
    words = f"{html.escape(board['title'])} <span>· {html.escape(said)}</span>"
    body = "".join(section for _, section in sections(name, month))
    head = f'<meta charset="utf-8"/><title>{name}</title><style>{STYLE}</style>'
    return f"<!DOCTYPE html><html><head>{head}</head><body><h1>{words}</h1>{body}</body></html>", (24 * COLUMN, height)


def sections(name: str, month: Month) -> Iterator[tuple[Panel, str]]:
    """Each panel and row of that file's dashboard, drawn. Raises PreviewError with the file's name."""
    board = DASHBOARDS[name]
    chosen = _chosen(board["time"]["from"], month)
    for panel in board["panels"]:
        grid = panel["gridPos"]
        width, height = grid["w"] * COLUMN - GAP, grid["h"] * LINE - GAP
        left, top = grid["x"] * COLUMN + GAP // 2, HEAD + grid["y"] * LINE
        place = f"left:{left}px;top:{top}px;width:{width}px;height:{height}px"
        inside, kind = "", ' class="row"'
        if panel["type"] != "row":
            try:
                inside, kind = draw(panel, chosen, month.database.query, width, height), ""
            except PreviewError as error:
                raise PreviewError(f"{name}: {error}") from None
        yield panel, f'<section{kind} style="{place}"><h2>{html.escape(panel["title"])}</h2>{inside}</section>'


def _chosen(since: str, month: Month) -> Shown:
    days = {"now-24h": 1, "now-7d": 7, "now-30d": 30}[since]
    return Shown(month.site, month.units[0], month.end - days * DAY_MS, month.end, INTERVALS[days])
