"""`python -m bench.forward`: how fast the backlog drains, and what a reading costs on the wire.

Speed: from a journal on the disk that holds `--folder` into a real InfluxDB 1.6.7 beside it, against the database's own
ceiling (the same lines, packed beforehand, one request after another) and the gateway of an afternoon: rows of a SQLite
table, one POST for each, kept alive, deleted when it is written.
Cost: live readings of a minute in one request, over TLS through nginx and a proxy that counts what TCP carries, both
ways; `packets` counts the headers of TCP and IP too, as the kernel and a byte budget do.
"""

import argparse
import json
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from tempfile import mkdtemp

import urllib3

from bench.village import Polls, messages, polls, polls_at_rest
from gateway.budget import Budget, Limits
from gateway.clock import Clock
from gateway.deadletters import DeadLetters
from gateway.disk import FolderDisk
from gateway.entry import Entry
from gateway.forward import Forwarder
from gateway.journal import Journal
from gateway.lines import LineMaker
from gateway.message import ReadingMessage, parse
from hil_tests.services import InfluxDB
from hil_tests.tls import NginxTls, make_certificate
from hil_tests.village_link import VillageLink
from ingest.body import pack
from ingest.database import Influxdb1Settings
from ingest.points import reading_line
from ingest.writer import open_writer

SITE = "lan-ha-bay"
UNITS = 4
GROUP = 20
"""Readings in a commit: 10 s of two a second."""

BODY_BYTES = 1_000_000
"""Of lines, in the bodies that show the database's ceiling; others were slower."""

LIVE_POLLS = 6
"""A live delay of 60 s."""

RATE_UNITS = 10
"""At two readings each 10 s they make two a second: 60 pairs a request."""


def lines_of(readings: int, units: int) -> list[str]:
    return [reading_line(SITE, message.reading, utc_ms, "gateway")[0] for utc_ms, message in messages(readings, units)]


def filled_journal(disk: FolderDisk, readings: int) -> Journal:
    journal = Journal(disk)
    coming = messages(readings, UNITS)
    while group := list(islice(coming, GROUP)):
        journal.commit([Entry(message, "kernel", 0, (utc_ms, "gateway")) for utc_ms, message in group])
    return journal


def drain(folder: Path, url: str, readings: int) -> float:
    """Readings a second, out of the journal and into the database."""
    with closing(FolderDisk(folder)) as disk, closing(open_writer(Influxdb1Settings(url, "powerunit"))) as writer:
        journal, clock, dead_letters = filled_journal(disk, readings), Clock(), DeadLetters(disk)
        forwarder = Forwarder(
            interval=60,
            journal=journal,
            dead_letters=dead_letters,
            writer=writer,
            clock=clock,
            lines=LineMaker(SITE, journal.origin, dead_letters),
            freeze_origins=lambda: None,
            health=lambda utc_ms: f"gateway,site={SITE} backlog_readings={journal.pending_readings}i {utc_ms}",
            budget=Budget(Limits(), disk, clock.boottime, clock.utc_ms),
        )
        started = time.perf_counter()
        while journal.pending_readings:
            time.sleep(forwarder.step())
        return readings / (time.perf_counter() - started)


def ceiling(url: str, readings: int) -> float:
    """Readings a second that the database takes when nothing else is to be done."""
    bodies, part, size = [], [], 0
    for line in lines_of(readings, UNITS):
        part.append(line)
        size += len(line)
        if size > BODY_BYTES:
            bodies.append(pack(part))
            part, size = [], 0
    bodies.append(pack(part))
    with closing(urllib3.connection_from_url(url)) as pool:
        started = time.perf_counter()
        for body, encoding in bodies:
            _post(pool, body, encoding)
        return readings / (time.perf_counter() - started)


def plain_gateway(folder: Path, url: str, readings: int) -> float:
    with (
        closing(sqlite3.connect(folder / "plain.sqlite")) as database,
        closing(urllib3.connection_from_url(url)) as pool,
    ):
        database.execute("CREATE TABLE reading (id INTEGER PRIMARY KEY, line TEXT)")
        with database:
            database.executemany(
                "INSERT INTO reading (line) VALUES (?)", ((line,) for line in lines_of(readings, UNITS))
            )
        started = time.perf_counter()
        while rows := database.execute("SELECT id, line FROM reading ORDER BY id LIMIT 100").fetchall():
            for _, line in rows:
                _post(pool, line.encode(), "identity")
            with database:
                database.execute("DELETE FROM reading WHERE id <= ?", (rows[-1][0],))
        return readings / (time.perf_counter() - started)


def _post(pool: urllib3.HTTPConnectionPool, body: bytes, encoding: str) -> None:
    answer = pool.urlopen("POST", "/write?db=powerunit&precision=ms", body, {"Content-Encoding": encoding})
    if answer.status != 204:
        raise RuntimeError(f"the database answers {answer.status}: {answer.data!r}")


def live_cost(url: str, link: VillageLink, coming: Polls, minutes: int) -> tuple[float, float, float]:
    """Of a minute's readings: bytes that TCP carried, bytes of all packets, and bytes of the packed lines alone."""
    with closing(open_writer(Influxdb1Settings(url, "powerunit", "gateway", "database-secret"))) as writer:
        writer.ping()  # the handshake is made once a day, not once a minute
        tcp_before, packets_before, bodies = link.bytes_up + link.bytes_down, writer.wire_bytes, 0
        for _ in range(minutes):
            lines = [
                reading_line(SITE, _message(unit, payload).reading, utc_ms, "gateway")[0]
                for utc_ms, published in islice(coming, LIVE_POLLS)
                for unit, payload in published
            ]
            answer = writer.write(lines)
            if answer.reason:
                raise RuntimeError(answer.reason)
            bodies += answer.sent_bytes
        tcp = link.bytes_up + link.bytes_down - tcp_before
        return tcp / minutes, (writer.wire_bytes - packets_before) / minutes, bodies / minutes


def _message(unit: str, payload: bytes) -> ReadingMessage:
    message = parse(f"powerunit/v1/{unit}/reading", payload)
    if not isinstance(message, ReadingMessage):
        raise TypeError("the topic of a reading gave no reading")
    return message


@contextmanager
def fresh_database(folder: Path, name: str) -> Iterator[InfluxDB]:
    with InfluxDB(folder / name) as database:
        yield database


def print_speed(folder: Path, readings: int) -> None:
    print("| drain into InfluxDB 1.6.7 | readings a second |\n| --- | ---: |")
    with fresh_database(folder, "plain") as database:
        plain = plain_gateway(database.folder, database.url, readings // 30)
        print(f"| plain gateway, one POST a reading | {plain:,.0f} |", flush=True)
    with fresh_database(folder, "drain") as database:
        ours = drain(folder / "journal", database.url, readings)
        written = database.query("SELECT COUNT(soc), COUNT(pv_power) FROM bms, charge_controller")
        print(f"| this gateway, from its journal | {ours:,.0f} ({ours / plain:.0f} ×) |", flush=True)
        counted = sum(row.get("count", 0) or row.get("count_1", 0) for row in written)
        if counted != readings:
            raise RuntimeError(f"{counted} of {readings} readings are in the database: {json.dumps(written)}")
    with fresh_database(folder, "ceiling") as database:
        print(
            f"| the database's ceiling: bodies packed beforehand | {ceiling(database.url, readings):,.0f} |", flush=True
        )


def print_cost(folder: Path, minutes: int) -> None:
    print("\n| bytes a pair, live, a request a minute over TLS | pairs in it | packed lines | TCP payload | packets |")
    print("| --- | ---: | ---: | ---: | ---: |")
    certificate = make_certificate(folder)
    os.environ["SSL_CERT_FILE"] = str(certificate)
    for village, made in (("54 values, by day", polls), ("41 values, at rest", polls_at_rest)):
        for units in (1, 2, 5, RATE_UNITS, 20):
            name = f"{units} unit{'s'[: units > 1]}, {village}"
            pairs = units * LIVE_POLLS
            with (
                fresh_database(folder, f"{made.__name__}-{units}") as database,
                NginxTls(database.folder, database, certificate) as nginx,
                VillageLink(nginx.port) as link,
            ):
                costs = live_cost(f"https://127.0.0.1:{link.port}", link, made(units), minutes)
            tcp, packets, body = (cost / pairs for cost in costs)
            print(f"| {name} | {pairs} | {body:.1f} | {tcp:.1f} | {packets:.1f} |", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.forward", description="What forwarding costs.")
    parser.add_argument("--readings", type=int, default=60_000, help="to drain; default 60000")
    parser.add_argument("--minutes", type=int, default=20, help="of live readings; default 20")
    parser.add_argument("--folder", type=Path, default=Path("build"), help="on the disk to measure; default build")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix="bench-", dir=options.folder)).resolve()
    try:
        print_speed(folder, options.readings)
        print_cost(folder, options.minutes)
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
