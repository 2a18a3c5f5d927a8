"""Board code asks for nothing that MicroPython's ESP32 port lacks.

What a port module has is read from the ESP32's stubs. For the modules whose stubs are CPython's it is in
esp32_names.toml, as a chip told it. Neither is made from our code.
"""

import ast
import tomllib
from pathlib import Path

import pytest

from tools.chip_types import BOARD, stubs

FILES = sorted(BOARD.glob("*.py"))
CHIP = tomllib.loads((Path(__file__).parent / "esp32_names.toml").read_text("utf-8"))
METHODS = {name for names in CHIP.pop("methods").values() for name in names.split()}
NOT_RECORDED = {"BaseException", "Exception", "classmethod", "staticmethod", "__import__", "__name__"}
OF_OBJECTS_NOT_RECORDED = {"args", "errno", "value", "buffer", "__name__"}  # of an exception, of sys.stdin, of a class
OF_UMQTT = "umqtt.simple"


def defined(nodes: list[ast.stmt]) -> set[str]:
    """What these statements of a stub, or of a class in it, define."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def stub(module: str) -> list[ast.stmt] | None:
    path = stubs() / f"{module.replace('.', '/')}.pyi"
    return ast.parse(path.read_text("utf-8")).body if path.exists() else None


def names_in(module: str) -> set[str] | None:
    """Every name in that module of the port, None if the port has no such module."""
    if module in CHIP:
        return set(CHIP[module].split())
    found = stub(module)
    return None if found is None else defined(found)


def members(module: str) -> set[str]:
    """What the classes of a port module have, all together."""
    found = set()
    for node in stub(module) or []:
        if isinstance(node, ast.ClassDef):
            found |= defined(node.body)
    return found


def bound(tree: ast.AST) -> set[str]:
    """Every name that a file gives a meaning to, wherever."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler):
            found.add(node.name or "")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return found


def attributes_of_ours(trees: list[ast.Module]) -> set[str]:
    """What our own classes and modules define or set on an object."""
    found = set()
    for tree in trees:
        found |= bound(tree)
        found |= {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}
    return found


def missing_on_the_chip(source: str, ours: set[str], own_modules: set[str]) -> list[str]:
    """What `source` asks for and the ESP32 port does not have. `ours` are the attributes that our own code makes."""
    tree = ast.parse(source)
    missing = []
    modules: set[str] = set()
    for node in ast.walk(tree):
        imported = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        imported += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for module in imported:
            if module in own_modules:
                continue
            names = names_in(module)
            if names is None:
                missing.append(f"module {module}")
            elif isinstance(node, ast.ImportFrom):
                missing += [f"{module}.{alias.name}" for alias in node.names if alias.name not in names]
            else:
                modules.add(module)
    builtin = names_in("builtins")
    known = bound(tree) | (builtin or set()) | NOT_RECORDED
    of_objects = METHODS | OF_OBJECTS_NOT_RECORDED | ours
    for module in modules:
        of_objects |= members(module)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in known:
            missing.append(node.id)
        elif isinstance(node, ast.Attribute):
            module = ast.unparse(node.value)
            if module in modules:
                if module != OF_UMQTT and node.attr not in (names_in(module) or ()):
                    missing.append(f"{module}.{node.attr}")
            elif module not in own_modules and node.attr not in of_objects:
                missing.append(f".{node.attr}")
    return missing


@pytest.fixture(scope="module")
def ours() -> set[str]:
    return attributes_of_ours([ast.parse(file.read_text("utf-8")) for file in FILES]) | members(OF_UMQTT) | {"simple"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.name))
def test_what_a_file_asks_for_is_on_the_chip(file: Path, ours: set[str]) -> None:
    assert missing_on_the_chip(file.read_text("utf-8"), ours, {each.stem for each in FILES}) == []


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("import dataclasses", ["module dataclasses"]),
        ("import machine\nmachine.bootloader()", ["machine.bootloader"]),
        ("from asyncio import Queue", ["asyncio.Queue"]),
        ("import os\nos.getenv('HOME')", ["os.getenv"]),  # the unix port has it
        ("import time\ntime.perf_counter()", ["time.perf_counter"]),
        ("try:\n    pass\nexcept TimeoutError:\n    pass", ["TimeoutError"]),
        ("def after(text):\n    return text.removeprefix('a')", [".removeprefix"]),
        ("import os\nimport machine\nos.sync()\nmachine.Pin(4, machine.Pin.OUT).on()", []),
    ],
)
def test_what_the_chip_lacks_is_found(source: str, missing: list[str]) -> None:
    assert missing_on_the_chip(source, set(), set()) == missing
