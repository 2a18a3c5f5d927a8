"""docs/known-failures.md names a test for each failure: every one has to be there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAMED = re.findall(r"`((?:hil_)?tests/\w+\.py)::(\w+)`", (ROOT / "docs/known-failures.md").read_text("utf-8"))


def test_each_failure_names_a_test() -> None:
    rows = re.findall(r"^\| .* \|$", (ROOT / "docs/known-failures.md").read_text("utf-8"), re.MULTILINE)
    failures = [row for row in rows if not row.startswith(("| what", "| ---"))]
    assert failures
    assert [row for row in failures if "::test_" not in row] == []


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_is_named_is_there(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
