"""A plot as SVG text: a frame with a scale at its left, and the few marks that our pictures are made of.

Nothing outside is referred to; colours and fonts are those of the page's style sheet. Promised: the same marks give the
same text. Coordinates are pixels at a width of 680, and scale with the page.
"""

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

WIDTH = 680
LEFT, RIGHT, TOP, BOTTOM = 46, 16, 10, 24

HATCHED = (
    '<pattern id="{name}" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="5" height="5" class="{name} pale"/><rect width="2" height="5" class="{name}"/></pattern>'
)


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers from at most `low` to at least `high`, and never one alone."""
    if high <= low:
        high = low + max(abs(low) / 100, 1)
    rough = (high - low) / about
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(magnitude * factor for factor in (1, 2, 5, 10) if magnitude * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 9) for number in range(first, last + 1)]


@dataclass
class Plot:
    """The frame; marks are added and `text` gives the picture. `low` and `high` bound the scale, x goes from 0 to 1."""

    title: str
    height: int
    low: float
    high: float
    unit: str = ""
    width: int = WIDTH
    marks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """The scale, rounded outwards."""
        scale = ticks(self.low, self.high)
        self.low, self.high = scale[0], scale[-1]
        for value in scale:
            y = self.y(value)
            self.marks.append(f'<line class="grid" x1="{LEFT}" x2="{self.width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            self.label(LEFT - 6, y + 3.5, f"{value:g}", "end")
        if self.unit:
            self.label(LEFT - 6, self.height - BOTTOM + 16, self.unit, "end")

    def x(self, share: float) -> float:
        """Where a share of the width lies."""
        return LEFT + share * (self.width - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Where a value lies."""
        return TOP + (self.high - value) / (self.high - self.low) * (self.height - TOP - BOTTOM)

    def label(self, x: float, y: float, text: str, anchor: str = "middle") -> None:
        """Words, in pixels."""
        self.marks.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>')

    def below(self, share: float, text: str) -> None:
        """Words under the frame."""
        self.label(self.x(share), self.height - BOTTOM + 16, text)

    def bar(
        self,
        shares: tuple[float, float],
        values: tuple[float, float],
        style: str,
        tip: str = "",
        *,
        hatched: bool = False,
    ) -> None:
        """From one share of the width to another, from one value to a higher one."""
        left, right = map(self.x, shares)
        bottom, top = map(self.y, values)
        fill = f' style="fill:url(#{style})"' if hatched else ""
        place = (
            f'x="{left:.1f}" y="{top:.1f}" width="{max(right - left, 0.4):.1f}" height="{max(bottom - top, 0.4):.1f}"'
        )
        self.marks.append(f'<rect class="{style}"{fill} {place}>{_tip(tip)}</rect>')

    def line(self, points: Iterable[tuple[float, float]], style: str) -> None:
        """Through (share, value)."""
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        self.marks.append(f'<polyline class="{style} line" points="{path}"/>')

    def area(self, low: Sequence[tuple[float, float]], high: Sequence[tuple[float, float]], style: str) -> None:
        """Between two lines."""
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in [*low, *reversed(high)])
        self.marks.append(f'<polygon class="{style} area" points="{path}"/>')

    def dot(self, share: float, value: float, style: str, tip: str = "") -> None:
        """One point."""
        place = f'cx="{self.x(share):.1f}" cy="{self.y(value):.1f}" r="3"'
        self.marks.append(f'<circle class="{style}" {place}>{_tip(tip)}</circle>')

    def text(self, hatches: Iterable[str] = ()) -> str:
        """The picture. `hatches` are the styles that have a hatched form in it."""
        patterns = "".join(HATCHED.format(name=name) for name in hatches)
        return (
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" xmlns="http://www.w3.org/2000/svg">'
            f"<title>{html.escape(self.title)}</title><defs>{patterns}</defs>{''.join(self.marks)}</svg>"
        )


def _tip(words: str) -> str:
    return f"<title>{html.escape(words)}</title>" if words else ""
