"""Rows that need a network or disks of their own: run as root of a namespace, where nothing outside is touched.

    unshare --map-root-user --net --mount python -m hil_tests.namespaces ROW FOLDER ROUNDS SEED

prints the tally as JSON. `in_namespace` does that, and raises NotAllowedError where the machine refuses namespaces.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from hil_tests.lossy_wire import FAR, NEAR, LossyWire
from hil_tests.services import REPOSITORY, http_request, wait_until
from hil_tests.tally import Tally
from hil_tests.volume import DELIVERY_DEADLINE, Places, each_round, village

UNSHARE = ("unshare", "--map-root-user", "--net", "--mount")
DISK_MB = 256
"""The gateway begins only where 64 MiB are free."""


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
    """32 kbit/s, 800 ms and 10 % of all packets lost, each way, between gateway and database only."""
    places = Places(link=NEAR, reached=FAR)
    with LossyWire(32_000, 0.8, 0.1, seed) as wire, village(folder, seed, rounds * readings, places) as here:
        for _ in each_round(rounds):
            here.take_all(readings)
        tally = here.settle(rounds)
    return replace(tally, broken=[] if wire.lost else ["the wire lost nothing"])


def database_disk_full(folder: Path, rounds: int, seed: int, readings: int = 300) -> Tally:
    """Its disk is filled to the last byte. When the page has told it the disk is freed and the database restarted:
    InfluxDB 1.6.7 goes on refusing with the error of its last write, and at its start cuts its log off where that
    write was torn, with whatever it took and acknowledged behind it. What it drops so is told apart.
    """
    disk = own_disk(folder / "database")
    dropped = set[int]()
    with village(folder, seed, rounds * readings, Places(database=disk)) as here:
        for _ in each_round(rounds):
            fill(disk)
            here.take_all(readings)
            wait_until(here.has_trouble, DELIVERY_DEADLINE, "the database's trouble on the page")
            (disk / "filler").unlink()
            here.link.cut()
            held = here.stored()
            here.database.stop()
            here.database.start()
            dropped |= held - here.stored()
            here.link.restore()
            wait_until(lambda: not here.has_trouble(), DELIVERY_DEADLINE, "a database that takes readings again")
        tally = here.settle(rounds)
        gone = len((here.board.acknowledged - here.stored()) & dropped)
        return replace(tally, lost=tally.lost - gone, dropped=gone)


def gateway_disk_full(folder: Path, rounds: int, seed: int, readings: int = 300) -> Tally:
    """Its disk is filled to the last byte: nothing is acknowledged until there is room."""
    disk = own_disk(folder / "journal")
    with village(folder, seed, rounds * readings, Places(journal=disk)) as here:
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
        return replace(tally, broken=broken)


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
    system("ip", "link", "set", "lo", "up")
    print(json.dumps(asdict(ROWS[name](Path(folder), int(rounds), int(seed)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
