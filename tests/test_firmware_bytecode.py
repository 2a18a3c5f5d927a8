import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.host.bundle import BOARD
from firmware.host.bytecode import board_files, compiled, with_constants
from ingest.settings_file import SettingsError

UMQTT = b"class MQTTClient: pass\n"
"""A stand-in for the source that PyPI has."""
MPY_VERSION = 6
"""Of MicroPython 1.23 and later, https://docs.micropython.org/en/latest/reference/mpyfiles.html."""


def test_everything_is_compiled_but_main(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import poll\n")
    (tmp_path / "poll.py").write_text("period = 10\n")
    files = board_files(tmp_path, UMQTT)
    assert sorted(files) == ["lib/umqtt/simple.mpy", "main.py", "poll.mpy"]
    assert files["main.py"] == b"import poll\n"
    assert files["poll.mpy"][:2] == files["lib/umqtt/simple.mpy"][:2] == bytes((ord("M"), MPY_VERSION))


def test_micropython_runs_it_and_its_tracebacks_name_the_source(tmp_path: Path) -> None:
    (tmp_path / "poll.mpy").write_bytes(compiled("poll.py", b"def fail():\n    raise ValueError(7)\n"))
    result = subprocess.run(
        [Path(sys.executable).parent / "micropython", "-c", "import poll; poll.fail()"],
        env={**os.environ, "MICROPYPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert 'File "poll.py", line 2, in fail' in result.stdout + result.stderr


def test_a_file_that_does_not_compile_is_one_line() -> None:
    with pytest.raises(SettingsError, match=r"^poll\.py does not compile: .*SyntaxError.*; mend it, or install"):
        compiled("poll.py", b"def fail(:\n")


def test_private_constants_take_no_heap() -> None:
    constants = b"_BITS = 11  # on the wire\n_KINDS = (\n    1,\n    2,\n)\nTRIES = 3\n_LOOK = [5]\n"
    source = constants + b"def wire():\n    return _BITS\n"
    given = b"_BITS = const(11)  # on the wire\n_KINDS = const((\n    1,\n    2,\n))\nTRIES = 3\n_LOOK = [5]\n"
    assert with_constants(source).startswith(given)
    made = compiled("poll.py", source)
    assert b"_BITS" not in made
    assert b"TRIES" in made


def test_the_constants_of_every_room_are_its_own() -> None:
    """A name that another room asks for would not be there."""
    for path in BOARD.glob("*.py"):
        for line in path.read_text("utf-8").splitlines():
            assert not re.match(r"\s*from \w+ import .*\b_[A-Z]", line), f"{path.name}: {line}"
