"""What a soak found, as a line, as JSON, and as a page for people."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from hil_tests.faults import Fault
from hil_tests.processes import FLAT_BYTES, FLAT_HANDLES, FLAT_SHARE, SHORTEST_WATCH, WARM_UP, Flatness

FOREIGN_PROGRAMS = ("InfluxDB",)
"""Its memory follows the data that it holds, so it is shown and not judged."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Readings by what became of them; see `hil_tests.soak` for `in_window` and `estimated`, `verdict` for the rest.

    `oldest_in_window` is in seconds before the cut. `broken` are sentences about what should never have happened,
    `examples` tell of the first readings that fell short.
    """

    seconds: float
    readings: int
    stored: int
    lost: int
    in_window: int
    oldest_in_window: float
    duplicated: int
    mistimed: int
    estimated: int
    wrong: int
    foreign: int
    write_attempts: int
    broken: list[str]
    examples: list[str]
    faults: list[Fault]
    processes: list[Flatness]

    @property
    def judged(self) -> list[Flatness]:
        return [each for each in self.processes if each.name not in FOREIGN_PROGRAMS and "(rig)" not in each.name]

    @property
    def kept(self) -> bool:
        """Whether every promise held. A process that was not watched long enough breaks none."""
        fallen = self.lost + self.duplicated + self.mistimed + self.wrong + self.foreign + self.write_attempts
        growing = any(each.flat is False for each in self.judged)
        return self.readings > 0 and not fallen and not self.broken and not growing

    def line(self) -> str:
        names = ("readings", "stored", "lost", "in_window", "duplicated", "mistimed", "estimated", "wrong", "foreign")
        counts = " ".join(f"{name} {getattr(self, name)}" for name in names)
        return f"{counts} faults {len(self.faults)} broken {len(self.broken)}"


def write(folder: Path, outcome: Outcome, *, seed: int, hours: float, began: datetime) -> Path:
    """The page; the JSON of the same name lies beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"{began:%Y-%m-%d}-{hours:g}h-seed-{seed}.md"
    record = {"seed": seed, "hours": hours, "began": began.isoformat(timespec="seconds"), "kept": outcome.kept}
    page.with_suffix(".json").write_text(json.dumps(record | asdict(outcome), indent=1) + "\n", "utf-8")
    page.write_text(_page(outcome, seed, hours, began), "utf-8")
    return page


def _page(outcome: Outcome, seed: int, hours: float, began: datetime) -> str:
    counts = [
        ("answered by the devices", outcome.readings),
        ("stored", outcome.stored),
        ("lost", outcome.lost),
        ("lost in the 30 s before a power cut of the board", outcome.in_window),
        ("of these the oldest, in seconds before the cut", f"{outcome.oldest_in_window:.1f}"),
        ("duplicated", outcome.duplicated),
        ("mis-timed by more than 1 s", outcome.mistimed),
        ("off by more than 1 s and marked `estimated`", outcome.estimated),
        ("wrong", outcome.wrong),
        ("foreign", outcome.foreign),
        ("requests that would have written to a device", outcome.write_attempts),
    ]
    kinds = sorted(Counter(fault.kind for fault in outcome.faults).items())
    lines = [
        f"# Soak of {began:%Y-%m-%d}, seed {seed}",
        "",
        f"`make soak HOURS={hours:g} SEED={seed}`, begun {began:%Y-%m-%d %H:%M} UTC, {outcome.seconds / 3600:.2f} h",
        "in real time: the real firmware on the emulated bus, a real mosquitto, the real gateway, a real InfluxDB.",
        "Every promise held." if outcome.kept else "**A promise was broken.**",
        "",
        *_table(["readings", "count"], counts),
        "",
        *(f"- {sentence}" for sentence in [*outcome.broken, *outcome.examples]),
        "",
        *_table(["fault", "times"], kinds),
        "",
        f"Memory and file handles, looked at each minute. Growth is from {WARM_UP:.0f} s after a process' start,",
        "the median slope between all pairs of looks at one generation, times the longest watch. Flat is up to",
        f"{FLAT_SHARE:.0%} of the median or {FLAT_BYTES / 1e6:g} MB, and {FLAT_HANDLES} handles. A generation that was",
        f"watched for less than {SHORTEST_WATCH:.0f} s is not judged.",
        "",
        *_table(_PROCESS_COLUMNS, [_row(each) for each in outcome.processes]),
    ]
    return "\n".join(lines) + "\n"


_PROCESS_COLUMNS = (
    *("process", "generations", "looks", "longest watch"),
    *("MB", "highest", "growth", "handles", "highest", "growth", "flat"),
)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    body = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(map(str, row))} |" for row in body]


def _row(each: Flatness) -> list[str]:
    flat = {True: "yes", False: "**no**", None: "watched too shortly"}[each.flat]
    return [
        each.name,
        str(each.generations),
        str(each.samples),
        f"{each.watched:.0f} s",
        f"{each.median_rss / 1e6:.1f}",
        f"{each.highest_rss / 1e6:.1f}",
        "–" if each.rss_growth is None else f"{each.rss_growth / 1e6:+.2f}",
        f"{each.median_handles:.0f}",
        str(each.highest_handles),
        "–" if each.handles_growth is None else f"{each.handles_growth:+.1f}",
        f"{flat}; not judged, its memory follows the data" if each.name in FOREIGN_PROGRAMS else flat,
    ]
