from xml.etree import ElementTree as ET

import pytest

from ingest.report.svg import Plot, ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 2.6, [0, 1, 2, 3]),
        (0, 100, [0, 50, 100]),
        (3.21, 3.52, [3.2, 3.3, 3.4, 3.5, 3.6]),
        (0, 0, [0, 0.5, 1]),
        (54, 54, [54, 54.5, 55]),
    ],
)
def test_a_scale_has_round_numbers_and_holds_all(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == expected


def test_a_plot_is_well_formed_and_escapes_what_it_is_given() -> None:
    plot = Plot("<made> & used", 200, 0, 3, "kWh")
    plot.bar((0, 0.1), (0, 2), "made", '1 < 2 & "3"', hatched=True)
    plot.line([(0, 1), (1, 2)], "battery")
    plot.dot(0.5, 1, "battery", "<b>")
    plot.area([(0, 0), (1, 0)], [(0, 1), (1, 1)], "battery")
    plot.below(0.5, "<1>")
    picture = ET.fromstring(plot.text(["made"]))  # noqa: S314  our own
    texts = [node.text for node in picture.iter() if node.tag.endswith("title")]
    assert texts == ["<made> & used", '1 < 2 & "3"', "<b>"]


def test_a_bar_reaches_from_its_value_down_to_zero() -> None:
    plot = Plot("bars", 200, 0, 4)
    plot.bar((0, 0.5), (0, 2), "made")
    bar = next(node for node in ET.fromstring(plot.text()).iter() if node.tag.endswith("rect"))  # noqa: S314  our own
    assert float(bar.attrib["y"]) == pytest.approx(plot.y(2), abs=0.1)
    assert float(bar.attrib["y"]) + float(bar.attrib["height"]) == pytest.approx(plot.y(0), abs=0.1)
    assert float(bar.attrib["width"]) == pytest.approx(plot.x(0.5) - plot.x(0), abs=0.1)
