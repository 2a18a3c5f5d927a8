"""The rig's stand-ins for `machine` and `network` are no more permissive than the chip.

They are held against the ESP32's stubs: what is in a stand-in exists there under that name, with that value if it is a
constant, and takes its parameters in the same places, of the same kinds and with the same defaults. A stand-in may
leave out what the firmware does not use.
"""

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tools.chip_types import BOARD, ROOT, stubs

SHIMS = ROOT / "hil_tests" / "board_shim"
MODULES = ("machine", "network")
OF_STREAMS = {"ioctl"}  # io.IOBase asks it of a stream in Python; a stream in C has no such name


class Parameter(NamedTuple):
    """`place` counts from 0; None: by name only. `name` is None where it can only be given by place."""

    name: str | None
    place: int | None
    default: str | None


Names = dict[str, ast.AnnAssign | ast.Assign | list[ast.FunctionDef] | ast.ClassDef]


def parameters(function: ast.FunctionDef) -> list[Parameter]:
    arguments = function.args
    by_place = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(by_place) - len(arguments.defaults)) + [ast.unparse(value) for value in arguments.defaults]
    found = [
        Parameter(None if argument in arguments.posonlyargs else argument.arg, place, default)
        for place, (argument, default) in enumerate(zip(by_place, defaults, strict=True))
        if argument.arg != "self"
    ]
    for argument, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        found.append(Parameter(argument.arg, None, None if value is None else ast.unparse(value)))
    return found


def fits(ours: Parameter, theirs: Parameter) -> bool:
    if ours.place is None:
        return ours.name == theirs.name
    return ours.place == theirs.place and theirs.name in (None, ours.name)


def disagreements(name: str, ours: ast.FunctionDef, variants: list[ast.FunctionDef]) -> list[str]:
    """What a function of a stand-in does otherwise than the variants in the stub.

    MicroPython has no syntax for "by place only", so there the stand-in's own name is free.
    """
    found = []
    theirs = [parameters(variant) for variant in variants]
    mine = parameters(ours)
    for parameter in mine:
        alike = [[each for each in variant if fits(parameter, each)] for variant in theirs]
        known = [each for variant in alike for each in variant]
        what = f"{name}: {parameter.name}"
        if not known:
            found.append(f"{what} is not there, or in another place")
            continue
        defaults = {each.default for each in known} - {None}
        if parameter.default is None and all(each.default for each in known):
            found.append(f"{what} is demanded")
        elif parameter.default and defaults and not defaults & {parameter.default, "..."}:
            found.append(f"{what} is {parameter.default} by default instead of {known[0].default}")
    if not any(
        all(any(fits(own, each) for own in mine) for each in variant if each.default is None) for variant in theirs
    ):
        found.append(f"{name}: does not take what is demanded there")
    return found


def names(body: list[ast.stmt]) -> Names:
    found: Names = {}
    for node in body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.FunctionDef):
            variants = found.setdefault(node.name, [])
            assert isinstance(variants, list)
            variants.append(node)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = node
        elif isinstance(node, ast.Assign) and isinstance(target := node.targets[0], ast.Tuple | ast.Name):
            targets: list[ast.expr] = [target]
            values = [node.value]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                targets, values = target.elts, node.value.elts
            for each, value in zip(targets, values, strict=True):
                assert isinstance(each, ast.Name)
                found[each.id] = ast.Assign([each], value)
    return found


def compare(where: str, ours: Names, theirs: Names) -> list[str]:
    """Everything in which the names of a stand-in disagree with those of the stub."""
    found = []
    for name, mine in ours.items():
        if (name.startswith("_") and name not in ("__init__", "__call__")) or name in OF_STREAMS:
            continue
        other = theirs.get(name)
        if isinstance(mine, list) and isinstance(other, list):
            found += disagreements(f"{where}.{name}", mine[0], other)
        elif isinstance(mine, ast.ClassDef) and isinstance(other, ast.ClassDef):
            found += compare(f"{where}.{name}", names(mine.body), names(other.body))
        elif isinstance(mine, ast.Assign) and isinstance(other, ast.AnnAssign) and other.value:
            if ast.unparse(mine.value) != ast.unparse(other.value):
                found.append(f"{where}.{name} is {ast.unparse(mine.value)} instead of {ast.unparse(other.value)}")
        else:
            found.append(f"{where}.{name} is not there")
    return found


def parsed(path: Path) -> Names:
    return names(ast.parse(path.read_text("utf-8")).body)


@pytest.mark.parametrize("module", MODULES)
def test_a_stand_in_agrees_with_the_stub(module: str) -> None:
    assert compare(module, parsed(SHIMS / f"{module}.py"), parsed(stubs() / f"{module}.pyi")) == []


STUB = """
LIMIT: Final[int] = 3
class WDT:
    def __init__(self, *, id: int = 0, timeout: int = 5000) -> None: ...
    def feed(self) -> None: ...
class UART:
    @overload
    def read(self) -> bytes: ...
    @overload
    def read(self, nbytes: int, /) -> bytes: ...
    def write(self, buf: bytes, /) -> int: ...
"""


@pytest.mark.parametrize(
    ("shim", "complaint"),
    [
        ("LIMIT = 4", "machine.LIMIT is 4 instead of 3"),
        ("OTHER = 4", "machine.OTHER is not there"),
        ("def reset(): pass", "machine.reset is not there"),
        ("class WDT:\n def stop(self): pass", "machine.WDT.stop is not there"),
        (
            "class WDT:\n def __init__(self, id=0, *, timeout=5000): pass",
            "machine.WDT.__init__: id is not there, or in",
        ),
        (
            "class WDT:\n def __init__(self, *, timeout_ms=5000): pass",
            "machine.WDT.__init__: timeout_ms is not there, or in",
        ),
        (
            "class WDT:\n def __init__(self, *, timeout=1): pass",
            "machine.WDT.__init__: timeout is 1 by default instead of 5000",
        ),
        ("class WDT:\n def __init__(self, *, timeout): pass", "machine.WDT.__init__: timeout is demanded"),
        ("class UART:\n def write(self): pass", "machine.UART.write: does not take what is demanded there"),
        (
            "class UART:\n def write(self, buf, more): pass",
            "machine.UART.write: more is not there, or in another place",
        ),
    ],
)
def test_a_stand_in_that_differs_is_found(shim: str, complaint: str) -> None:
    found = compare("machine", names(ast.parse(shim).body), names(ast.parse(STUB).body))
    assert found
    assert found[0].startswith(complaint)


def test_one_that_leaves_out_and_renames_by_place_is_none() -> None:
    shim = "LIMIT = 3\nclass UART:\n def read(self, count=-1): pass\n def write(self, data): pass"
    assert compare("machine", names(ast.parse(shim).body), names(ast.parse(STUB).body)) == []


def used_by_the_board(module: str) -> set[str]:
    """Each name, and each name of a class, that board.py uses of that module."""
    tree = ast.parse((BOARD / "board.py").read_text("utf-8"))
    used = set()
    held: dict[str, str] = {}  # attribute of self → class of the module
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith(f"{module}."):
            used.add(re.sub(r"\(.*?\)", "", ast.unparse(node).removeprefix(f"{module}.")))  # RTC().datetime
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).startswith("self."):
            for inner in ast.walk(node.value):
                if isinstance(inner, ast.Call) and ast.unparse(inner.func).startswith(f"{module}."):
                    held[ast.unparse(node.targets[0])] = ast.unparse(inner.func).removeprefix(f"{module}.")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in held:
            used.add(f"{held[ast.unparse(node.value)]}.{node.attr}")
    return used


@pytest.mark.parametrize("module", MODULES)
def test_what_the_board_uses_is_in_both(module: str) -> None:
    used = used_by_the_board(module)
    assert used
    for path in (SHIMS / f"{module}.py", stubs() / f"{module}.pyi"):
        there = set()
        for name, what in parsed(path).items():
            there.add(name)
            if isinstance(what, ast.ClassDef):
                there |= {f"{name}.{member}" for member in names(what.body)}
        assert used <= there, path


def test_the_board_uses_what_we_know_it_uses() -> None:
    assert {"UART", "UART.init", "UART.txdone", "WDT.feed", "Pin.OUT", "reset_cause"} <= used_by_the_board("machine")
    assert {"WLAN", "STA_IF", "WLAN.isconnected", "WLAN.status"} <= used_by_the_board("network")
