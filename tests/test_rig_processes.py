"""Whether memory and handles are flat: the judgement on made-up samples, the looking on a process of our own."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from hil_tests.processes import SHORTEST_WATCH, WARM_UP, Flatness, Sample, flatness, sample

MB = 1_000_000


def judge(
    minutes: int, rss: Callable[[float], float], handles: Callable[[float], float] = lambda _at: 12, pid: int = 1
) -> Flatness:
    [found] = flatness(looks(minutes, rss, handles, pid))
    return found


def looks(
    minutes: int, rss: Callable[[float], float], handles: Callable[[float], float] = lambda _at: 12, pid: int = 1
) -> list[Sample]:
    return [
        Sample(at, "gateway", pid, int(rss(at)), int(handles(at))) for at in (60.0 * each for each in range(minutes))
    ]


def test_what_stays_is_flat() -> None:
    found = judge(60, lambda _at: 40 * MB)
    assert (found.flat, found.rss_growth, found.handles_growth) == (True, 0, 0)


def test_a_slow_leak_is_found() -> None:
    found = judge(60, lambda at: 40 * MB + 2000 * at)
    assert found.rss_growth == pytest.approx(2000 * (59 * 60 - WARM_UP))
    assert found.flat is False


def test_a_leak_of_handles_is_found() -> None:
    assert judge(60, lambda _at: 40 * MB, lambda at: 12 + at // 600).flat is False


def test_a_peak_is_no_leak() -> None:
    assert judge(60, lambda at: (70 if 1200 < at < 1800 else 40) * MB).flat is True


def test_what_fills_in_the_warm_up_is_no_leak() -> None:
    assert judge(60, lambda at: 40 * MB + min(at, WARM_UP) * 100_000).flat is True


def test_a_new_generation_is_not_compared_with_the_one_before() -> None:
    smaller, larger = looks(20, lambda _at: 40 * MB), looks(20, lambda _at: 60 * MB, pid=2)
    [found] = flatness(smaller + larger)
    assert (found.generations, found.flat) == (2, True)


def test_a_leak_in_every_generation_is_found() -> None:
    [found] = flatness([each for pid in range(6) for each in looks(10, lambda at: 40 * MB + 20_000 * at, pid=pid)])
    assert found.flat is False


def test_a_process_that_was_watched_too_shortly_is_not_judged() -> None:
    minutes = int((WARM_UP + SHORTEST_WATCH) // 60)
    assert judge(minutes, lambda at: 40 * MB + 20_000 * at).flat is None


def test_a_process_below_this_one_is_seen_with_its_memory_and_handles() -> None:
    # Its command line is all that makes it a board.
    program = "import sys; held = [open('/dev/null') for _ in range(30)]; print('ready', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program, "heapsize=1k"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        [seen] = [each for each in sample(7.0, os.getpid()) if each.pid == process.pid]
    assert (seen.at, seen.name) == (7.0, "board")
    assert seen.rss > MB
    assert 33 <= seen.handles < 40
    assert not [each for each in sample(8.0, os.getpid()) if each.pid == process.pid]
