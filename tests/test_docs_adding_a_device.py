"""The worked example in docs/adding-a-device.md: its lines are the profile's, and its commands print what it shows."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from firmware.host.profile import DEVICES

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "adding-a-device.md").read_text("utf-8")
PROFILE = (DEVICES / "renogy_rover.toml").read_text("utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_its_lines_are_those_of_the_profile() -> None:
    lines = [line for block in blocks("toml") for line in block.splitlines()]
    assert len(lines) > 10
    assert [line for line in lines if line not in PROFILE.splitlines()] == []


def test_its_frame_is_one_of_the_frames_file() -> None:
    (frame,) = blocks("json")
    assert json.loads(frame) in json.loads((DEVICES / "frames" / "renogy_rover.json").read_text("utf-8"))


@pytest.mark.parametrize("example", [block for block in blocks("sh") if "pytest" not in block])
def test_its_commands_print_what_it_shows(example: str) -> None:
    command, shown = example.split("\n", 1)
    words = shlex.split(command.removeprefix("$ python "))
    printed = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    assert printed.stdout == shown


def test_the_test_files_that_it_names_exist() -> None:
    (command,) = [block for block in blocks("sh") if "pytest" in block]
    assert all((ROOT / name).exists() for name in command.split() if name.endswith(".py"))


def test_its_table_tells_of_every_key_that_the_profiles_use() -> None:
    told = set(re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE)) | {
        "address",
        "name",
        "unit",
        "function",
        "registers",
    }
    profiles = [tomllib.loads(path.read_text("utf-8")) for path in DEVICES.glob("*.toml")]
    parts = [part for profile in profiles for part in (profile, *profile.get("layouts", ()))]
    used = {key for part in parts for line in (*part.get("signals", ()), *part.get("details", ())) for key in line}
    assert used == told
