"""What only the real MicroPython can run: LittleFS, and the protocol on umqtt."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.host.bundle import BOARD, CACHE
from firmware.host.umqtt import source

SHIM = Path(__file__).parent.parent / "hil_tests" / "board_shim"
FOLDER = Path(__file__).parent / "board_suite"
SUITES = sorted((FOLDER / "micropython").glob("suite_*.py"))


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: str(suite.stem))
def test_under_micropython(suite: Path, tmp_path: Path) -> None:
    (tmp_path / "umqtt").mkdir()
    (tmp_path / "umqtt" / "simple.py").write_bytes(source(CACHE))
    result = subprocess.run(
        [Path(sys.executable).parent / "micropython", "-X", "heapsize=4m", FOLDER / "run.py", suite],
        cwd=tmp_path,
        env={**os.environ, "MICROPYPATH": f".frozen:{BOARD}:{tmp_path}:{FOLDER / 'micropython'}:{SHIM}"},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
