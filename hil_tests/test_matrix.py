"""Short versions of those rows of the fault matrix that no other test has."""

from pathlib import Path

import pytest

from hil_tests import volume
from hil_tests.matrix import Run
from hil_tests.namespaces import NotAllowedError, in_namespace


def check(run: Run, folder: Path, rounds: int) -> None:
    found = run(folder, rounds, 3)
    assert found.kept, found


def test_all_killed_together_cost_nothing(tmp_path: Path) -> None:
    check(lambda folder, rounds, seed: volume.all_killed(folder, rounds, seed, readings=200), tmp_path, 2)


def test_a_link_that_flaps_costs_nothing(tmp_path: Path) -> None:
    check(lambda folder, rounds, seed: volume.link_flapping(folder, rounds, seed, readings=100), tmp_path, 2)


def test_answers_that_break_off_cost_and_double_nothing(tmp_path: Path) -> None:
    check(lambda folder, rounds, seed: volume.answers_cut(folder, rounds, seed, readings=100), tmp_path, 2)


def test_a_bad_point_between_others_is_set_aside_alone(tmp_path: Path) -> None:
    found = volume.one_bad_point(tmp_path, 1, 3, readings=100)
    assert found.kept, found
    assert (found.readings, found.refused) == (100, 1)


def test_a_machine_without_namespaces_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(NotAllowedError, match="skipped: no namespaces on this machine"):
        in_namespace("slow_link", unshare=("false",))(tmp_path, 1, 1)
