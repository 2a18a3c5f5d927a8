"""Memory and file handles of every process of the rig, over time, and whether they are flat.

A process that is started again is a new generation and begins anew. What counts is its growth after a warm-up: the
median of the slopes between all pairs of samples of the same generation (Theil and Sen), taken over all generations of
one name, times the seconds that the longest of them was watched. A peak while a backlog drains does not move a median.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations, groupby
from pathlib import Path
from statistics import median

WARM_UP = 120.0
"""Seconds from the first sample of a generation in which caches fill."""
SHORTEST_WATCH = 240.0
"""Seconds after the warm-up that a generation has to be watched to be judged."""
FLAT_SHARE = 0.10
FLAT_BYTES = 2_000_000
"""Memory is flat when it grows by at most a tenth of its median or by so many bytes, whichever is more."""
FLAT_HANDLES = 2
"""Handles are flat when they grow by at most so many."""

NAMES = {
    "influxd": "InfluxDB",
    "mosquitto": "mosquitto",
    "hil_tests.shifted_gateway": "gateway",
    "hil_tests.bus": "bus (rig)",
    "hil_tests.board": "board's supervisor (rig)",
    "heapsize": "board",
}
"""By a part of the command line."""
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Sample:
    """One process at `at` seconds since the start: bytes of resident memory, open file handles."""

    at: float
    name: str
    pid: int
    rss: int
    handles: int


def sample(at: float, root: int) -> list[Sample]:
    """Every known process that descends from `root`, just now."""
    samples = []
    for pid in _descendants(root):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            rss = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * PAGE_BYTES
            handles = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208, only their number counts
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue
        name = next((name for part, name in NAMES.items() if part in command), None)
        if name is not None and rss:
            samples.append(Sample(at, name, pid, rss, handles))
    return samples


def _descendants(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                stat = (folder / "stat").read_text("ascii", "replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(folder.name))
    found, new = list[int](), children.get(root, [])
    while new:
        found += new
        new = [child for parent in new for child in children.get(parent, [])]
    return found


@dataclass(frozen=True, slots=True)
class Flatness:
    """Of all generations of one process. `watched` is the seconds of the longest after its warm-up, `median_rss` in
    bytes; the growths are what that one would have gained at the median slope. None where none was watched long enough.
    """

    name: str
    generations: int
    samples: int
    watched: float
    median_rss: float
    median_handles: float
    highest_rss: int
    highest_handles: int
    rss_growth: float | None
    handles_growth: float | None

    @property
    def flat(self) -> bool | None:
        """None where it cannot be judged."""
        if self.rss_growth is None or self.handles_growth is None:
            return None
        allowed = max(FLAT_SHARE * self.median_rss, FLAT_BYTES)
        return self.rss_growth <= allowed and self.handles_growth <= FLAT_HANDLES


def flatness(samples: Iterable[Sample]) -> list[Flatness]:
    """By name."""
    ordered = sorted(samples, key=lambda each: (each.name, each.pid, each.at))
    return [_of_one(name, list(group)) for name, group in groupby(ordered, key=lambda each: each.name)]


def _of_one(name: str, samples: list[Sample]) -> Flatness:
    generations = [list(group) for _, group in groupby(samples, key=lambda each: each.pid)]
    warm = [[each for each in group if each.at - group[0].at >= WARM_UP] for group in generations]
    judged = [group for group in warm if group and group[-1].at - group[0].at >= SHORTEST_WATCH]
    watched = max((group[-1].at - group[0].at for group in judged), default=0.0)
    pairs = [pair for group in judged for pair in combinations(group, 2)]
    return Flatness(
        name=name,
        generations=len(generations),
        samples=len(samples),
        watched=watched,
        median_rss=median(each.rss for each in samples),
        median_handles=median(each.handles for each in samples),
        highest_rss=max(each.rss for each in samples),
        highest_handles=max(each.handles for each in samples),
        rss_growth=median((b.rss - a.rss) / (b.at - a.at) for a, b in pairs) * watched if pairs else None,
        handles_growth=median((b.handles - a.handles) / (b.at - a.at) for a, b in pairs) * watched if pairs else None,
    )
