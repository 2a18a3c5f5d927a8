"""docs/technician.md against the code that it explains."""

import re
from pathlib import Path

from firmware.board import led
from firmware.host.findings import WAYS_OUT

PAGE = (Path(__file__).parent.parent / "docs" / "technician.md").read_text("utf-8")
ROW = re.compile(r"^\| `?(\w+)`? \| ([^|]+?) \|", re.MULTILINE)


def section(title: str) -> str:
    """The text below a heading."""
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def test_every_finding_of_the_doctor_is_explained_and_no_other() -> None:
    explained = [code for code, _ in ROW.findall(section("What the doctor's findings mean")) if code != "code"]
    assert sorted(explained) == sorted(WAYS_OUT)


def test_the_blinks_are_those_of_the_led() -> None:
    blinks = {
        meaning.split(":")[0]: number for number, meaning in ROW.findall(section("The LED")) if number != "blinks"
    }
    assert {meaning: int(number) for meaning, number in blinks.items()} == {
        "all well": led.WELL,
        "no bus": led.NO_BUS,
        "no Wi-Fi": led.NO_WIFI,
        "no gateway": led.NO_GATEWAY,
        "the settings cannot be used": led.NO_SETTINGS,
    }
