"""Where panels stand on a dashboard."""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import GridPos

from dashboards.panels import Panel

GRID_WIDTH = 24


@dataclass(frozen=True, slots=True)
class Row:
    """Panels side by side under a title, each with its width; together they fill the grid's 24 columns."""

    title: str
    height: int
    panels: tuple[tuple[int, Panel], ...]


def place(board: dashboard.Dashboard, rows: list[Row]) -> None:
    """Gives every row and panel its number and its place, because the SDK's own layout lets panels overlap."""
    number, top = 1, 0
    for row in rows:
        board.with_row(dashboard.Row(row.title).id(number).grid_pos(GridPos(1, GRID_WIDTH, 0, top)))
        left = 0
        for width, panel in row.panels:
            number += 1
            board.with_panel(panel.id(number).grid_pos(GridPos(row.height, width, left, top + 1)))
            left += width
        number += 1
        top += 1 + row.height
