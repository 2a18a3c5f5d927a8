"""No signal's value is ever a float on the board: the ESP32's have single precision, the tests' have double.

So a float is only ever a time to wait. Everything else is integers, which have any length there too.
"""

import ast
import re
from pathlib import Path
from typing import TypeGuard

import pytest

from tools.chip_types import BOARD

FILES = sorted(BOARD.glob("*.py"))
WAITS = {"sleep", "_sleep", "wait_for", "_wait_for", "receive"}  # each takes seconds
MAKE_FLOATS = {"float", "round"}
FLOAT_FORMAT = re.compile(r"%[-+ #0-9.*]*[efgEFG]|\{[^{}]*:[^{}]*[efgEFG%]\}")


def floats(source: str) -> list[str]:
    """Every expression in `source` that makes or prints a float, but for those that say how long to wait."""
    tree = ast.parse(source)
    waiting = {
        id(inner)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and called(call) in WAITS
        for argument in call.args
        for inner in ast.walk(argument)
    }
    elsewhere = {node.id for node in ast.walk(tree) if is_use(node) and id(node) not in waiting}
    for constant in (node for node in tree.body if isinstance(node, ast.Assign)):
        if not elsewhere & {node.id for node in ast.walk(constant) if isinstance(node, ast.Name)}:
            waiting |= {id(node) for node in ast.walk(constant)}
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.expr) and id(node) not in waiting and is_float(node)
    ]


def is_use(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)


def called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def is_float(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        text = node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
        return isinstance(text, float) or (isinstance(text, str) and bool(FLOAT_FORMAT.search(text)))
    if isinstance(node, ast.FormattedValue):
        return node.format_spec is not None and ast.unparse(node.format_spec).rstrip("'\"")[-1:] in "efgEFG%"
    if isinstance(node, ast.Call):
        return called(node) in MAKE_FLOATS
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.name))
def test_a_float_is_only_ever_a_time_to_wait(file: Path) -> None:
    assert floats(file.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "expression",
    [
        "raw / 10",
        "raw * 0.1",
        "'%.1f' % raw",
        "b'%5.2g' % raw",
        "f'{raw:.3f}'",
        "'{:.1e}'.format(raw)",
        "float(raw)",
        "round(raw, 1)",
    ],
)
def test_a_float_is_found(expression: str) -> None:
    assert floats(f"values[name] = {expression}")


def test_a_named_time_to_wait_is_passed_over_unless_it_is_used_for_something_else() -> None:
    assert floats("ON, OFF = 0.25, 2\nsleep(ON)") == []
    assert floats("ON, OFF = 0.25, 2\nsleep(ON)\nvalue = ON") == ["0.25"]


@pytest.mark.parametrize(
    "expression", ["raw // 10", "sleep(wait / 1000)", "self._wait_for(task, 0.5)", "'%d.%0*d' % raw"]
)
def test_what_is_none_or_a_time_to_wait_is_passed_over(expression: str) -> None:
    assert floats(f"values[name] = {expression}") == []
