import xml.etree.ElementTree as ET
from datetime import date

from firmware.host.label import Label

SVG = "{http://www.w3.org/2000/svg}text"
LABEL = Label("raft-01", "24:0a:c4:00:00:01", "0.1.0", "1.28.0", date(2026, 11, 25))


def drawn(label: Label) -> list[str]:
    """The texts of the drawing, as an XML reader understands them."""
    return [element.text or "" for element in ET.fromstring(label.svg()).iter(SVG)]  # noqa: S314  our own drawing


def test_the_console_and_the_drawing_say_the_same() -> None:
    assert drawn(LABEL) == LABEL.lines()
    for line in LABEL.lines():
        assert line in LABEL.text()


def test_it_tells_unit_chip_versions_and_date() -> None:
    text = LABEL.text()
    for part in ("raft-01", "24:0a:c4:00:00:01", "firmware   0.1.0, MicroPython 1.28.0", "2026-11-25"):
        assert part in text
    assert len({len(line) for line in text.splitlines()}) == 1


def test_what_xml_takes_for_its_own_is_written_as_text() -> None:
    odd = Label("raft-01", "24:0a:c4:00:00:01", "0.1.0", "<a & b>.bin", date(2026, 11, 25))
    assert drawn(odd) == odd.lines()
