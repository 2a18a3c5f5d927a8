"""The fault matrix as a table: its tests are there, and its page is made from its results."""

import ast
import re
from pathlib import Path

import pytest

from hil_tests.matrix import ROWS, Row, tally
from hil_tests.reliability import PAGE, line, page
from hil_tests.soak_record import Outcome
from hil_tests.tally import Tally

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_tests_that_a_row_names_are_there(row: Row) -> None:
    assert row.short
    for node in row.short:
        file, name = node.split("::")
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        assert name.partition("[")[0] in {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}


def test_no_two_rows_keep_their_result_in_one_file() -> None:
    assert len({row.file for row in ROWS}) == len(ROWS)


def test_the_page_is_what_the_results_say() -> None:
    assert PAGE.read_text("utf-8") == page()


def test_a_row_without_a_result_says_so() -> None:
    assert line(Row("no such row", "nothing", (), 3))[-2:] == ["**not run yet**", ""]


def test_every_row_of_the_page_has_as_many_columns_as_its_head() -> None:
    rows = re.findall(r"^\|.*\|$", page(), re.MULTILINE)
    assert len(rows) > len(ROWS)
    assert len({row.count("|") for row in rows}) == 1


@pytest.mark.parametrize("name", ["lost", "duplicated", "mistimed", "wrong", "foreign", "write_attempts"])
def test_what_a_soak_finds_broken_breaks_the_row(name: str) -> None:
    counts = dict.fromkeys(
        ("lost", "in_window", "duplicated", "mistimed", "estimated", "wrong", "foreign", "write_attempts"), 0
    )
    found = Outcome(
        60.0, 100, 100, oldest_in_window=0.0, broken=[], examples=[], faults=[], processes=[], **counts | {name: 1}
    )
    whole = Outcome(
        60.0,
        100,
        100,
        oldest_in_window=0.0,
        broken=[],
        examples=[],
        faults=[],
        processes=[],
        **counts | {"in_window": 1},
    )
    assert not tally(found, 1).kept
    assert tally(whole, 1).kept


def test_a_row_in_which_nothing_was_read_is_not_kept() -> None:
    assert not Tally(rounds=1, readings=0).kept
