"""`make demo`, as a person runs it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil_tests.services import REPOSITORY, Mosquitto, wait_until

DEADLINE = 60.0


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "hil_tests.demo", *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def children(pid: int) -> set[int]:
    """Every process below `pid`."""
    found = set()
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found |= {int(child)} | children(int(child))
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def bystander(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that is none of the demo's business."""
    with Mosquitto(tmp_path, {"someone": "else"}) as broker:
        yield broker


def test_it_ends_by_itself_and_counts_nothing_lost_and_nothing_twice() -> None:
    demo = start("--seconds", "30")
    story, errors = demo.communicate(timeout=120)
    assert demo.returncode == 0, story + errors
    assert "the village link is cut" in story
    assert "the village link is back" in story
    closing = re.match(r"readings (\d+) durable (\d+) forwarded (\d+) lost 0 duplicated 0", story.splitlines()[-1])
    assert closing, story
    assert len(set(closing.groups())) == 1
    assert int(closing[1]) > 10


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_it_ends_all_that_it_started_and_nothing_else(number: signal.Signals, bystander: Mosquitto) -> None:
    demo = start()
    assert demo.stdout
    for line in demo.stdout:
        if "the technician's page" in line:
            break
    started = children(demo.pid)
    assert len(started) >= 5
    os.killpg(demo.pid, number)  # a terminal tells the whole group
    story, errors = demo.communicate(timeout=DEADLINE)
    assert story.splitlines()[-1].startswith("readings "), story + errors
    assert errors == ""
    wait_until(lambda: not any(is_alive(pid) for pid in started), DEADLINE, "every process of the demo ended")
    assert is_alive(bystander.pid)


@pytest.mark.parametrize("seconds", ["5", "soon", "nan", "-60"])
def test_a_wrong_length_gives_one_line(seconds: str) -> None:
    demo = start(f"--seconds={seconds}")
    story, errors = demo.communicate(timeout=DEADLINE)
    assert (demo.returncode, story) == (2, "")
    assert errors == f"SECONDS={seconds}: give a number of seconds from 30 to 86400\n"
