"""The preview draws every panel of every dashboard, with data, or says which it cannot."""

import copy
import re
import struct
from pathlib import Path
from typing import Any

import pytest

from hil_tests.grafana_stand_in import DASHBOARDS, DAY_MS, PANELS, Shown
from hil_tests.month import Month
from hil_tests.preview.__main__ import take
from hil_tests.preview.board import page, sections
from hil_tests.preview.draw import draw
from hil_tests.preview.frames import PreviewError

MARKS = r'<polyline|<polygon|<circle|<rect|<td|<b class="stat"'


def drawn(month: Month, panel: dict[str, Any]) -> str:
    chosen = Shown(month.site, month.units[0], month.end - DAY_MS, month.end, "2m")
    return draw(panel, chosen, month.database.query, 500, 300)


def changed(name: str, *path: str | int, value: object) -> dict[str, Any]:
    """A panel with something else at one place."""
    panel: Any = copy.deepcopy(PANELS[name])
    inside = panel
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    return dict(panel)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_holds_marks(month: Month, name: str) -> None:
    found = list(sections(name, month))
    assert [panel for panel, _ in found] == DASHBOARDS[name]["panels"]
    blank = [panel["title"] for panel, text in found if panel["type"] != "row" and not re.search(MARKS, text)]
    assert blank == []


@pytest.mark.parametrize("name", DASHBOARDS)
def test_the_page_says_that_it_is_no_grafana_and_is_the_same_each_time(month: Month, name: str) -> None:
    text, _ = page(name, month)
    assert "preview, not Grafana" in text
    assert text == page(name, month)[0]


def test_a_line_follows_its_values(month: Month) -> None:
    text = drawn(month, PANELS["unit.json: State of charge"])
    [line] = re.findall(r'<polyline class="s0 line" points="([^"]*)"', text)
    rows = month.database.query(
        f"SELECT MEAN(soc) AS soc FROM bms WHERE unit = 'raft-01' AND time >= {month.end - DAY_MS}ms "
        f"AND time <= {month.end}ms GROUP BY time(2m) fill(none)"
    )
    heights = [float(pair.split(",")[1]) for pair in line.split()]
    assert len(heights) == len(rows)
    highest = max(range(len(rows)), key=lambda number: rows[number]["soc"])
    lowest = min(range(len(rows)), key=lambda number: rows[number]["soc"])
    assert (heights[highest], heights[lowest]) == (min(heights), max(heights))


def test_the_fleets_table_begins_with_who_needs_help(month: Month) -> None:
    rows = re.findall(r"<tr>(<td.*?)</tr>", drawn(month, PANELS["fleet.json: Units"]))
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in rows]
    assert [row[0] for row in cells] == ["raft-02", "raft-01"]
    assert [row[-1] for row in cells] == ["1", "0"]


@pytest.mark.parametrize(
    ("panel", "told"),
    [
        (changed("unit.json: State of charge", "type", value="heatmap"), "panel type 'heatmap'"),
        (
            changed("cells.json: Every cell now", "transformations", 1, "id", value="groupBy"),
            "transformation 'groupBy'",
        ),
        (
            changed("unit.json: Energy per day", "fieldConfig", "defaults", "unit", value="horsepower"),
            "unit 'horsepower'",
        ),
        (
            changed("unit.json: Energy per day", "fieldConfig", "defaults", "custom", "drawStyle", value="stairs"),
            "draw style 'stairs'",
        ),
        (
            changed("cells.json: Capacity, its uncertainty and its trend", "targets", value=[]),
            "Capacity, its uncertainty and its trend: no data",
        ),
    ],
)
def test_what_it_cannot_draw_is_named(month: Month, panel: dict[str, Any], told: str) -> None:
    with pytest.raises(PreviewError) as caught:
        drawn(month, panel)
    assert told in str(caught.value)


def test_a_picture_of_each_dashboard_is_as_large_as_its_grid(month: Month, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    taken = list(take(month, pictures, tmp_path))
    assert [picture.name for picture in taken] == [f"dashboard-{Path(name).stem}.png" for name in DASHBOARDS]
    for picture, name in zip(taken, DASHBOARDS, strict=True):
        size = struct.unpack(">II", picture.read_bytes()[16:24])
        assert size == page(name, month)[1]
