"""`python -m bench.dashboards`: what each panel takes of InfluxDB at thirty days, against one day.

The month of hil_tests/month.py, all queries of a panel one after the other as Grafana fills them in, the fastest of
several rounds in the same run. Exit 1 when a panel takes more than LIMIT times as long.
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hil_tests.grafana_stand_in import DAY_MS, PANELS, Shown
from hil_tests.month import Month, write_month
from hil_tests.services import InfluxDB

LIMIT = 2.0
ROUNDS = 15


def seconds(month: Month, panel: dict[str, Any], days: int) -> float:
    """The fastest round."""
    interval = "1m" if days == 1 else "30m"
    chosen = Shown(month.site, month.units[0], month.end - days * DAY_MS, month.end, interval).of(panel)
    queries = [chosen.filled_in(target["query"]) for target in panel["targets"]]
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for query in queries:
            month.database.query(query)
        taken.append(time.perf_counter() - start)
    return min(taken)


def main() -> int:
    """Prints a row per panel, the worst one last."""
    with TemporaryDirectory() as folder, InfluxDB(Path(folder)) as database:
        print("writing a month …", file=sys.stderr)
        month = write_month(database, end=time.time())
        taken = {name: [seconds(month, panel, days) for days in (1, 30)] for name, panel in PANELS.items()}
    print("| panel | 1 day, ms | 30 days, ms | ratio |\n| --- | --- | --- | --- |")
    by_ratio = sorted(taken.items(), key=lambda one: one[1][1] / one[1][0])
    for name, (day, thirty) in by_ratio:
        print(f"| {name} | {1000 * day:.1f} | {1000 * thirty:.1f} | {thirty / day:.2f} |")
    name, (day, thirty) = by_ratio[-1]
    print(f"worst: {name}, {thirty / day:.2f} times as long; at most {LIMIT:g} is good")
    return 1 if thirty > LIMIT * day else 0


if __name__ == "__main__":
    sys.exit(main())
