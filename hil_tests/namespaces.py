"""Rows that need a network or disks of their own: run as root of a namespace, where nothing outside is touched.

    unshare --map-root-user --net --mount python -m hil_tests.namespaces ROW FOLDER ROUNDS SEED

prints the tally as JSON. `in_namespace` does that, and raises NotAllowedError where the machine refuses namespaces.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from hil_tests.services import REPOSITORY, http_request, wait_until
from hil_tests.tally import Tally
from hil_tests.volume import DELIVERY_DEADLINE, Village, each_round, village

UNSHARE = ("unshare", "--map-root-user", "--net", "--mount")
DISK_MB = 64


class NotAllowedError(RuntimeError):
    """The machine lets nobody make namespaces: a word for people."""


def in_namespace(row: str, unshare: Sequence[str] = UNSHARE) -> Callable[[Path, int, int], Tally]:
    def run(folder: Path, rounds: int, seed: int) -> Tally:
        probe = subprocess.run([*unshare, "true"], capture_output=True, text=True, check=False)
        if probe.returncode:
            raise NotAllowedError(f"skipped: no namespaces on this machine ({probe.stderr.strip()})")
        command = [*unshare, sys.executable, "-m", "hil_tests.namespaces", row, str(folder), str(rounds), str(seed)]
        done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True)
        return Tally(**json.loads(done.stdout.splitlines()[-1]))

    return run


def slow_link(folder: Path, rounds: int, seed: int, readings: int = 300) -> Tally:
    """32 kbit/s, 800 ms and 10 % loss each way, by `tc netem`, between gateway and database only."""
    with village(folder, seed, rounds * readings) as here:
        system("tc", "qdisc", "add", "dev", "lo", "root", "handle", "1:", "prio", "bands", "4", "priomap", *"0" * 16)
        netem = ["netem", "rate", "32kbit", "delay", "800ms", "loss", "10%"]
        system("tc", "qdisc", "add", "dev", "lo", "parent", "1:4", "handle", "40:", *netem)
        for side in ("sport", "dport"):
            match = f"protocol ip parent 1: prio 1 u32 match ip {side} {here.link.port} 0xffff flowid 1:4".split()
            system("tc", "filter", "add", "dev", "lo", *match)
        for _ in each_round(rounds):
            here.take_all(readings)
        return here.settle(rounds)


def database_disk_full(folder: Path, rounds: int, seed: int, readings: int = 300) -> Tally:
    """Its disk is filled to the last byte, and freed again after the page has told it."""
    disk = own_disk(folder / "database")
    with village(folder, seed, rounds * readings, database_folder=disk) as here:
        for _ in each_round(rounds):
            fill(disk)
            here.take_all(readings)
            wait_until(here.has_trouble, DELIVERY_DEADLINE, "the database's trouble on the page")
            (disk / "filler").unlink()
            recovered(here)
        return here.settle(rounds)


def gateway_disk_full(folder: Path, rounds: int, seed: int, readings: int = 300) -> Tally:
    """Its disk is filled to the last byte: nothing is acknowledged until there is room."""
    disk = own_disk(folder / "gateway")
    with village(folder, seed, rounds * readings, gateway_folder=disk) as here:
        broken = []
        for _ in each_round(rounds):
            fill(disk)
            known = set(here.board.acknowledged)
            seqs = here.take(readings)
            wait_until(lambda: http_request(here.gateway.port, "GET", "/healthz")[0] != 200, DELIVERY_DEADLINE, "503")
            if here.board.acknowledged != known:
                broken.append(f"{len(here.board.acknowledged - known)} readings were acknowledged on a full disk")
            (disk / "filler").unlink()
            here.board.wait_acknowledged(seqs)
        tally = here.settle(rounds)
        return Tally(**asdict(tally) | {"broken": broken})


def recovered(here: Village) -> None:
    wait_until(lambda: not here.has_trouble(), DELIVERY_DEADLINE, "a database that takes readings again")


def own_disk(folder: Path) -> Path:
    folder.mkdir()
    system("mount", "-t", "tmpfs", "-o", f"size={DISK_MB}M", "tmpfs", str(folder))
    return folder


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(4096))


def system(*command: str) -> None:
    subprocess.run(command, check=True)


ROWS = {row.__name__: row for row in (slow_link, database_disk_full, gateway_disk_full)}


def main() -> int:
    name, folder, rounds, seed = sys.argv[1:]
    system("ip", "link", "set", "lo", "mtu", "1500", "up")
    print(json.dumps(asdict(ROWS[name](Path(folder), int(rounds), int(seed)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
