"""The pages on wiring and on the first board hold what they promise: drawings, pins, models, programs."""

import re
import tomllib
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from firmware.host.profile import DEVICES
from tests.test_chip_names import missing_on_the_chip
from tools.chip_types import ROOT, check

DOCS = ROOT / "docs"
WIRING = (DOCS / "wiring.md").read_text("utf-8")
FIRST_BOARD = (DOCS / "first-board.md").read_text("utf-8")
DRAWINGS = sorted((DOCS / "drawings").glob("*.svg"))
PROGRAMS = re.findall(r"```python\n(.*?)```", FIRST_BOARD, re.DOTALL)
LINES = re.findall(r'`mpremote exec "(.*?)"`', FIRST_BOARD)
UNIT_FILE = (ROOT / "firmware" / "unit.example.toml").read_text("utf-8")


def drawing(path: Path) -> ET.Element:
    return ET.fromstring(path.read_text("utf-8"))  # noqa: S314  our own


def texts(element: ET.Element) -> list[ET.Element]:
    return [each for each in element.iter() if each.tag.endswith("}text")]


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: str(path.stem))
def test_a_drawing_stands_by_itself_on_any_background(path: Path) -> None:
    root = drawing(path)
    _, _, width, height = root.attrib["viewBox"].split()
    assert root.attrib["aria-label"]
    ground = next(each for each in root.iter() if each.tag.endswith("}rect"))
    assert (ground.attrib["width"], ground.attrib["height"], ground.attrib["fill"]) == (width, height, "#ffffff")
    assert "href" not in path.read_text("utf-8")
    for text in texts(root):
        assert float(text.attrib["y"]) < float(height)


def test_every_drawing_is_on_the_page() -> None:
    assert len(DRAWINGS) >= 4
    assert set(re.findall(r"\]\(drawings/([^)]+)\)", WIRING)) == {path.name for path in DRAWINGS}


def test_the_boards_pins_are_those_of_the_example() -> None:
    bus = tomllib.loads(re.sub(r"^# (de = .*)$", r"\1", UNIT_FILE, flags=re.MULTILINE))["bus"]
    drawn = [text.text or "" for text in texts(drawing(DOCS / "drawings" / "wiring-board.svg"))]
    for name in ("tx", "rx", "de"):
        assert f"GPIO {bus[name]} ({name})" in drawn


def test_every_model_has_a_row_and_a_place_in_the_drawing() -> None:
    drawn = " ".join(text.text or "" for text in texts(drawing(DOCS / "drawings" / "wiring-rj45.svg")))
    for model in (path.stem for path in DEVICES.glob("*.toml")):
        assert f"| `{model}` |" in WIRING
        assert model in drawn


@pytest.mark.parametrize("model", ["jk_pb", "pace", "epever_tracer"])
def test_the_drawn_contacts_are_those_of_the_table(model: str) -> None:
    row = next(line for line in WIRING.splitlines() if line.startswith(f"| `{model}` |")).split("|")[3]
    named = {
        int(contact): meaning.strip("*")
        for contacts, meaning in re.findall(r"((?:\d, )*\d) = ([^;,\s]+)", row)
        for contact in contacts.split(", ")
    }
    groups = [each for each in drawing(DOCS / "drawings" / "wiring-rj45.svg") if each.tag.endswith("}g")]
    group = next(each for each in groups if any(model in (text.text or "") for text in texts(each)))
    contacts = group.find(".//{*}g/{*}g")
    assert contacts is not None
    drawn = {(int(text.attrib["x"]) - 22) // 54 + 1: text.text for text in texts(contacts)}
    assert drawn == named


@pytest.mark.parametrize("program", PROGRAMS + LINES)
def test_a_program_for_the_first_board_asks_for_what_the_chip_has(program: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(program)
    assert check([tmp_path / "program.py"]) == []
    assert missing_on_the_chip(program, {"_mpy"}, set()) == []


def test_the_page_for_the_first_board_has_its_programs_and_rows() -> None:
    assert len(PROGRAMS) == 3
    rows = [int(number) for number in re.findall(r"^\| (\d+) \|", FIRST_BOARD, re.MULTILINE)]
    assert rows == list(range(1, len(rows) + 1))
    assert len(rows) >= 20
    minutes = [int(minute) for minute in re.findall(r"^\| \d+ \| (\d+) \|", FIRST_BOARD, re.MULTILINE)]
    assert sum(minutes) <= 60
    named = {int(n) for n in re.findall(r"(?<=[ –])(\d+)(?=[,–]| \|$)", "\n".join(rows_of_differences()))}
    assert named <= set(rows)


def rows_of_differences() -> list[str]:
    """The last column of the table of known differences."""
    section = FIRST_BOARD.split("## Differences that we know of")[1].split("## The hour")[0]
    return [line.rstrip("|").rsplit("|", 1)[1] + "|" for line in section.splitlines() if line.startswith("|")]
