"""`make hil`: the fault matrix in its long version, and its page.

    python -m hil_tests.reliability [--row PART_OF_A_NAME] [--page]

Each row's result is kept as soon as it is there, and the page is made anew; so it can be interrupted and be run again
for the rows that are missing. Exit code 1 when a row that ran broke its promise.
"""

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hil_tests.matrix import ROWS, Row
from hil_tests.namespaces import NotAllowedError
from hil_tests.services import REPOSITORY, ServiceError

SEED = 7
RESULTS = REPOSITORY / "docs" / "reliability"
PAGE = REPOSITORY / "docs" / "reliability.md"
HEAD = """# The fault matrix

What was done to the chain, and what it cost. Ground truth is the rig's own log of what the emulated devices answered,
or of what the scripted board took, compared with what the database holds. A reading is mis-timed when its time is off
by more than 1 s. *In the window* were lost in the 30 s before a power cut of the board, which is all that one may cost;
*estimated* carry a `time_quality` that says that their time is a guess. Where the power is cut every few seconds all
readings are in some window: there it is the number lost in it, and the age of the oldest, that tells.

`make hil` runs every row and writes this page; what each found is kept in `docs/reliability/`. `make test` runs a
shorter version of each, which [`hil_tests/matrix.py`](../hil_tests/matrix.py) names. `make soak` runs for hours with
everything at random, and keeps its records in `docs/soak/`.

| row | what is done | rounds | readings | lost | duplicated | mis-timed | besides | run on (UTC) | command |
| --- | --- | ---: | ---: | ---: | ---: | ---: | --- | --- | --- |
"""


BESIDES = {
    "in_window": "lost in the window",
    "estimated": "estimated",
    "refused": "set aside, as refused by the database",
    "dropped": "lost by the database, which had answered 204",
    "wrong": "**wrong**",
}
"""Words for the further counts of a tally."""


def run(row: Row) -> dict[str, Any]:
    """The result of the long version, as it is kept."""
    result: dict[str, Any] = {"row": row.name, "on": f"{datetime.now(UTC):%Y-%m-%d %H:%M}"}
    if row.run is None:
        pytest = [sys.executable, "-m", "pytest", "-q", *row.short]
        passed = subprocess.run(pytest, cwd=REPOSITORY, check=False).returncode == 0
        return result | {"tests": len(row.short), "kept": passed}
    folder = Path(mkdtemp(prefix=f"powerunit-{row.file}-"))
    try:
        found = row.run(folder, row.rounds, SEED)
    except NotAllowedError as skipped:
        return result | {"skipped": str(skipped), "kept": True}
    except (ServiceError, AssertionError, subprocess.CalledProcessError) as error:
        print(f"{row.name}: {error}; its folder is kept: {folder}", file=sys.stderr)
        return result | {"failed": str(error), "kept": False}
    if found.kept:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"{row.name}: {found}; its folder is kept: {folder}", file=sys.stderr)
    return result | {"kept": found.kept} | asdict(found)


def page() -> str:
    return HEAD + "".join(f"| {' | '.join([*line(row), command(row)])} |\n" for row in ROWS)


def command(row: Row) -> str:
    return f'`make hil ROW="{row.name}"`'


def line(row: Row) -> list[str]:
    """A row of the table."""
    kept = RESULTS / f"{row.file}.json"
    if not kept.exists():
        return [row.name, row.done, str(row.rounds), "", "", "", "", "**not run yet**", ""]
    result = json.loads(kept.read_text("utf-8"))
    if "tests" in result:
        told = f"shown by tests: {result['tests']}, all passed" if result["kept"] else "**failed**"
        return [row.name, row.done, "–", "–", "–", "–", "–", told, result["on"]]
    if word := result.get("skipped") or result.get("failed"):
        return [row.name, row.done, str(row.rounds), "", "", "", "", word, result["on"]]
    counts = [f"{result[name]:,}" for name in ("rounds", "readings", "lost", "duplicated", "mistimed")]
    extra = [f"{result[name]} {word}" for name, word in BESIDES.items() if result.get(name)]
    if oldest := result.get("oldest_in_window"):
        extra[0] += f", the oldest {oldest:.1f} s before the cut"
    return [row.name, row.done, *counts, ", ".join([*extra, *result["broken"]]), result["on"]]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hil_tests.reliability", description="The fault matrix, long.")
    parser.add_argument("--row", default="", help="only rows whose name holds this")
    parser.add_argument("--page", action="store_true", help="only make the page anew from the results")
    arguments = parser.parse_args()
    rows = [row for row in ROWS if arguments.row.lower() in row.name.lower()]
    if not rows:
        print(f"ROW={arguments.row}: no row has that in its name; see hil_tests/matrix.py", file=sys.stderr)
        return 2
    if arguments.page:
        PAGE.write_text(page(), "utf-8")
        return 0
    RESULTS.mkdir(exist_ok=True)
    try:
        broken = run_all(rows)
    except KeyboardInterrupt:
        print("ended; the rows that were finished are kept", file=sys.stderr)
        return 1
    print(f"{len(rows)} rows, broken: {', '.join(broken) or 'none'}; see docs/reliability.md")
    return 1 if broken else 0


def run_all(rows: list[Row]) -> list[str]:
    """Those that broke their promise, by name."""
    broken = []
    for number, row in enumerate(rows, 1):
        print(f"row {number} of {len(rows)}: {row.name}, {row.rounds} rounds", flush=True)
        result = run(row)
        (RESULTS / f"{row.file}.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
        PAGE.write_text(page(), "utf-8")
        if not result["kept"]:
            broken.append(row.name)
    return broken


if __name__ == "__main__":
    sys.exit(main())
