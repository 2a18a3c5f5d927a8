"""A reading makes one straight trip: no room reaches back. This holds the imports against that."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("firmware", "gateway", "ingest", "dashboards", "hil_tests", "tests", "bench")
MAY_IMPORT = {
    "firmware/board": (),
    "firmware/host": ("firmware.host", "firmware.board", "ingest.signals", "ingest.settings_file"),
    "ingest": ("ingest",),
    "gateway": ("gateway", "ingest"),
    "dashboards": ("dashboards", "ingest.signals"),
}


def imports(file: Path) -> set[str]:
    """Every module that a file names in an import."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute here"
            assert node.module
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names if node.module in ROOMS}
    return found


def files(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found
    return found


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_a_room_imports_only_what_lies_further_along_the_trip(folder: str) -> None:
    ours = {
        f"{file.name}: {module}"
        for file in files(folder)
        for module in imports(file)
        if module.split(".")[0] in ROOMS and module not in ROOMS
        if not any(module == allowed or module.startswith(f"{allowed}.") for allowed in MAY_IMPORT[folder])
    }
    assert ours == set()


def test_only_one_file_of_the_firmware_touches_the_chip() -> None:
    touching = {file.name for file in files("firmware/board") if imports(file) & {"machine", "network", "esp32", "esp"}}
    assert touching == {"board.py"}


def test_the_firmware_is_flat_and_carries_nothing_but_umqtt() -> None:
    own = {file.stem for file in files("firmware/board")}
    interpreter = {"asyncio", "binascii", "errno", "gc", "json", "machine", "network", "os", "random", "struct", "sys"}
    interpreter |= {"io", "ssl", "time"}
    used = {module.split(".")[0] for file in files("firmware/board") for module in imports(file)}
    assert used - own - interpreter == {"umqtt"}


def test_nothing_in_the_firmware_waits_outside_the_event_loop() -> None:
    """Not for the network either: `socket` is not imported (above), and umqtt gets none."""
    waiting = {
        f"{file.name}: {node.func.value.id}.{node.func.attr}"
        for file in files("firmware/board")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)
        if node.func.value.id == "time" and node.func.attr.startswith("sleep")
    }
    assert waiting == {"unit.py: time.sleep"}, "it is the last thing before a restart"
