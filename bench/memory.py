"""`python -m bench.memory`: what the gateway takes of the Pi's memory with 20 units, whatever waits in its journal.

The real process between a real broker and a real InfluxDB 1.6.7, set up as `deploy/` sets it up. It is measured while
all units publish and the link is away, and while the backlog drains: `largest` is the kernel's own high-water mark,
VmHWM of /proc/<pid>/status, from the process's start on. `alone` is a Python that has imported what every gateway of
this kind needs (paho-mqtt, urllib3) and does nothing.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from pathlib import Path
from tempfile import mkdtemp
from typing import Literal

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.village import messages, polls
from gateway import alarm_rules
from gateway.alarms import Alarms, GatewayState, bit_names
from gateway.clock import Clock
from gateway.derived import CHECKPOINT_MS, Derived
from gateway.disk import FolderDisk
from gateway.entry import Entry
from gateway.journal import Journal
from gateway.rollup import RollUps
from hil_tests.gateway_process import Gateway
from hil_tests.services import HOST, InfluxDB, InfluxUser, Mosquitto, NginxV2Shim, wait_until

UNITS = 20
BACKLOGS = (0, 100_000)
GROUP = 2 * UNITS
LIVE_POLLS = 30
"""Five minutes of all units, as fast as the gateway takes them."""

DEADLINE = 600.0
SECRET = "bench-secret"  # noqa: S105, of servers that end with this program

Kind = Literal["influxdb1", "influxdb2"]


class UnsyncedDisk(FolderDisk):
    """A folder that is filled before it is measured: nothing of it has to survive a power cut."""

    def sync(self, name: str) -> None:
        """Not done."""


def fill(folder: Path, readings: int) -> None:
    """The journal of a gateway whose power fails: so many readings of all units wait, and a checkpoint is there."""
    with closing(UnsyncedDisk(folder)) as disk:
        boottime = 0
        clock, kernel = Clock(lambda: boottime, ntp_error=lambda: None), "kernel"
        journal, coming = Journal(disk), messages(readings, UNITS)
        derived = Derived(
            disk=disk,
            journal=journal,
            roll_ups=RollUps(journal.past, journal.origin, kernel, 17),
            alarms=Alarms(alarm_rules.load(alarm_rules.DEFAULT), bit_names(), kernel),
            clock=clock,
            gateway=lambda: GatewayState(10**10, None),
        )
        while group := list(islice(coming, GROUP)):
            entries = [Entry(message, kernel, 0, (utc_ms, "gateway")) for utc_ms, message in group]
            journal.commit(entries)
            derived.heard(entries)
        boottime += CHECKPOINT_MS
        derived.step()


def resident(pid: int, which: Literal["VmRSS", "VmHWM"]) -> float:
    """In MB, of all pages, those shared with other processes included."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(which)) * 1024 / 1e6


def alone() -> float:
    """MB of a Python with the packages, and nothing done."""
    script = "import paho.mqtt.client, urllib3; print(open('/proc/self/status').read())"
    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    return next(int(line.split()[1]) for line in told.splitlines() if line.startswith("VmRSS")) * 1024 / 1e6


@contextmanager
def connected(broker: Mosquitto, unit: str) -> Iterator[mqtt.Client]:
    """What publishes for one unit."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, unit)
    client.username_pw_set(unit, SECRET)
    client.connect(HOST, broker.port)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def measure(folder: Path, kind: Kind, filled: Path, backlog: int) -> tuple[float, float, float, float]:
    """From a copy of a journal in which so many readings wait: seconds until it is ready; MB with the units publishing
    and the link away, MB and the most while it drains.
    """
    units = [f"raft-{unit + 1:02}" for unit in range(UNITS)]
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder, dict.fromkeys(["gateway", *units], SECRET)))
        database = stack.enter_context(InfluxDB(folder, users=[InfluxUser("gateway", SECRET, "WRITE")]))
        url = database.url if kind == "influxdb1" else stack.enter_context(NginxV2Shim(folder, database)).url
        gateway = Gateway(
            folder, broker, url, broker_password=SECRET, database_password=SECRET, kind=kind, commit_interval=5.0
        )
        shutil.copytree(filled, gateway.journal, dirs_exist_ok=True)
        database.stop()
        started = time.monotonic()
        stack.callback(gateway.stop)
        gateway.start()
        ready = time.monotonic() - started
        clients = {unit: stack.enter_context(connected(broker, unit)) for unit in units}
        for _, published in islice(polls(UNITS), LIVE_POLLS):
            for unit, payload in published:
                clients[unit].publish(
                    f"powerunit/v1/{unit}/reading", _of_another_boot(payload), qos=1
                ).wait_for_publish(60)
        wait_until(lambda: waiting(gateway) >= backlog + LIVE_POLLS * GROUP, DEADLINE, "all live readings")
        away = resident(gateway.pid, "VmRSS")
        database.start()
        wait_until(lambda: waiting(gateway) == 0, DEADLINE, "an empty backlog")
        return ready, away, resident(gateway.pid, "VmRSS"), resident(gateway.pid, "VmHWM")


def waiting(gateway: Gateway) -> int:
    time.sleep(0.2)  # asking costs the gateway something, too
    return int(gateway.state()["journal"]["backlog_readings"])


def _of_another_boot(payload: bytes) -> bytes:
    return json.dumps(json.loads(payload) | {"boot": "feedfeedfeed", "t": time.time_ns() // 1_000_000}).encode()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description="What the gateway takes of memory.")
    parser.add_argument("--backlogs", type=int, nargs="+", default=BACKLOGS, help="readings that wait at the start")
    parser.add_argument("--kinds", nargs="+", default=["influxdb1"], choices=["influxdb1", "influxdb2"])
    parser.add_argument("--folder", type=Path, default=Path("build"), help="where to work; default build")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    os.environ["MALLOC_ARENA_MAX"] = "1"  # as the service's unit file does
    base = alone()
    print(f"| MB of memory, {UNITS} units | readings at the start | ready after, s | link away | drained | largest |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    print(f"| Python with paho-mqtt and urllib3, alone | | | {base:.1f} | | |", flush=True)
    for backlog in options.backlogs:
        folder = Path(mkdtemp(prefix="bench-", dir=options.folder)).resolve()
        try:
            fill(folder / "filled", backlog)
            for kind in options.kinds:
                ready, away, drained, largest = measure(folder / kind, kind, folder / "filled", backlog)
                share = f"{largest:.1f} ({largest / base:.1f} ×)"
                print(f"| {kind} | {backlog:,} | {ready:.1f} | {away:.1f} | {drained:.1f} | {share} |", flush=True)
        finally:
            shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
