"""`make demo`: the whole chain with a link outage, told as it goes, and counted at the end.

    python -m hil_tests.demo [--seconds N]

Without `--seconds` it goes on until Ctrl-C. Either way it ends with one line that counts what the devices answered
against what the database holds. Exit code 0 when nothing was lost or stored twice, 1 when something was, 2 when it
could not start.
"""

import argparse
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from types import FrameType

from hil_tests.chain import Chain, Count
from hil_tests.services import ServiceError
from ingest.settings_file import SettingsError

SHORTEST = 30
OUTAGE_EVERY = 120.0
OUTAGE = 40.0
SETTLING = 10.0
"""Seconds that a demo of given length keeps for the last readings to arrive."""
SETTLING_DEADLINE = 30.0
LOOK_EVERY = 3.0


class Story:
    """Tells what happens, with the seconds since the beginning. `interrupted` is set when it is to come to its end."""

    def __init__(self) -> None:
        self.interrupted = threading.Event()
        self.restart()

    def restart(self) -> None:
        """The seconds begin now."""
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def tell(self, line: str) -> None:
        print(f"{self.seconds:5.0f} s  {line}", flush=True)


def outages(seconds: float | None) -> Iterator[tuple[float, float]]:
    """When to cut the link and when to restore it, in seconds since the beginning."""
    if seconds is not None:
        yield 0.3 * seconds, 0.6 * seconds
        return
    begin = OUTAGE_EVERY / 4
    while True:
        yield begin, begin + OUTAGE
        begin += OUTAGE_EVERY


def run(chain: Chain, story: Story, seconds: float | None) -> None:
    """Until it is time to settle, or until Ctrl-C."""
    end = float("inf") if seconds is None else seconds - SETTLING
    for cut, restore in outages(seconds):
        watch(chain, story, cut)
        if story.interrupted.is_set():
            return
        chain.link.cut()
        story.tell("the village link is cut: the gateway keeps what comes, and the page says so")
        watch(chain, story, restore)
        chain.link.restore()
        story.tell("the village link is back: the newest reading first, then the backlog")
    watch(chain, story, end)


def watch(chain: Chain, story: Story, until: float) -> None:
    while story.seconds < until and not story.interrupted.wait(min(LOOK_EVERY, max(0.0, until - story.seconds))):
        backlog = chain.gateway.state()["journal"]["backlog_readings"]
        witness, stored = chain.witness, chain.stored_readings()
        story.tell(
            f"read {witness.answered_readings:4}   on the gateway's disk {witness.acknowledged_readings:4}   "
            f"in InfluxDB {stored:4}   backlog {backlog:3}"
        )


def settle(chain: Chain, story: Story) -> Count:
    """No new readings, and time for the last ones to arrive."""
    if story.interrupted.is_set():
        story.tell("interrupted: what is there is counted; once more ends it at once")
    chain.link.restore()
    chain.bus.do("cut")
    story.tell("the bus cable is cut, so that the last readings can be counted")
    deadline = story.seconds + SETTLING_DEADLINE
    count = chain.count()
    while story.seconds < deadline and not (count.verdict.clean and count.durable >= count.readings):
        time.sleep(0.5)
        count = chain.count()
    return count


def closing_line(count: Count) -> str:
    verdict = count.verdict
    return (
        f"readings {count.readings} durable {count.durable} forwarded {count.forwarded} "
        f"lost {len(verdict.lost)} duplicated {len(verdict.duplicated)} "
        f"mistimed {len(verdict.mistimed)} wrong {len(verdict.wrong)} foreign {len(verdict.foreign)}"
    )


@contextmanager
def listening_for_the_end(story: Story) -> Iterator[None]:
    """The first Ctrl-C lets the story come to its end; the next one ends it at once."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if story.interrupted.is_set():
            raise KeyboardInterrupt
        story.interrupted.set()

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def demo(folder: Path, seconds: float | None) -> int:
    """The exit code."""
    story = Story()
    with listening_for_the_end(story), Chain(folder, say=lambda line: story.tell(f"starting {line}")) as chain:
        story.tell(f"the technician's page: {chain.gateway.url}")
        if seconds is None:
            story.tell("it goes on until Ctrl-C")
        run(chain, story, seconds)
        count = settle(chain, story)
        print(closing_line(count), flush=True)
    return 0 if count.readings and count.verdict.clean else 1


def seconds_of(text: str) -> float:
    seconds = float(text)
    if not SHORTEST <= seconds <= 86400:
        raise ValueError
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hil_tests.demo", description="The whole chain with a link outage.")
    parser.add_argument("--seconds", help=f"end by itself after so long, at least {SHORTEST}")
    arguments = parser.parse_args()
    try:
        seconds = None if arguments.seconds is None else seconds_of(arguments.seconds)
    except ValueError:
        print(f"SECONDS={arguments.seconds}: give a number of seconds from {SHORTEST} to 86400", file=sys.stderr)
        return 2
    folder = Path(mkdtemp(prefix="powerunit-demo-"))
    try:
        return demo(folder, seconds)
    except (ServiceError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ended at once; everything that the demo started has ended with it", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
