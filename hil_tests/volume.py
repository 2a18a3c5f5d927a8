"""Thousands of readings through the real broker, gateway and InfluxDB; only the board is scripted.

Ground truth is what the scripted board took: which `seq`, and when. `cycles` of a reading is its `seq`.
"""

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from urllib3 import make_headers

from hil_tests.chain import DATABASE_PASSWORD, PASSWORDS
from hil_tests.scripted_board import PASSWORD, POLL_MS, UNIT, ScriptedBoard
from hil_tests.services import HOST, InfluxDB, InfluxUser, Mosquitto, http_request, wait_until
from hil_tests.shifted_gateway import ShiftedGateway
from hil_tests.tally import Tally
from hil_tests.verdict import TOLERANCE
from hil_tests.village_link import VillageLink

DELIVERY_DEADLINE = 600.0
USERS = {"gateway": PASSWORDS["gateway"], UNIT: PASSWORD}


@dataclass(slots=True)
class Village:
    """Everything runs. `taken` is how many readings the board has taken."""

    database: InfluxDB
    link: VillageLink
    broker: Mosquitto
    gateway: ShiftedGateway
    board: ScriptedBoard
    chance: random.Random
    taken: int = 0

    def take(self, readings: int) -> range:
        """The next ones, published and not yet acknowledged."""
        seqs = range(self.taken, self.taken + readings)
        self.taken = seqs.stop
        self.board.take(seqs)
        return seqs

    def take_all(self, readings: int) -> None:
        self.board.wait_acknowledged(self.take(readings))

    def has_trouble(self) -> bool:
        """Whether the page says that the database takes nothing."""
        return self.gateway.state()["database"]["trouble"] is not None

    def set_database_password(self, password: str) -> None:
        """While nobody asks: InfluxDB 1.6.7 goes on with the old one if a request comes just then."""
        self.link.cut()
        self.database.query(f"SET PASSWORD FOR \"gateway\" = '{password}'")
        self.link.restore()

    def restart_gateway(self) -> None:
        """As a person does who has mended something; it would ask again by itself after five minutes."""
        self.gateway.stop()
        self.gateway.start()

    def pause(self, least: float, most: float) -> None:
        """Until a random moment."""
        time.sleep(self.chance.uniform(least, most))

    def stored(self) -> set[int]:
        """The `seq` of every reading that the database holds."""
        return {int(row["cycles"]) for row in self.database.query("SELECT cycles FROM bms")}

    def settle(self, rounds: int) -> Tally:
        """Waits until all is delivered, and counts."""
        wait_until(lambda: self._backlog() == 0, DELIVERY_DEADLINE, "an empty backlog")
        rows = self.database.query("SELECT cycles FROM bms")
        stored = Counter(int(row["cycles"]) for row in rows)
        off = [row for row in rows if abs(row["time"] - self.board.taken(int(row["cycles"]))) > TOLERANCE]
        acknowledged = self.board.acknowledged
        return Tally(
            rounds=rounds,
            readings=len(acknowledged),
            lost=len(acknowledged - stored.keys()),
            duplicated=stored.total() - len(stored),
            mistimed=len(off),
            wrong=len(stored.keys() - acknowledged),
        )

    def _backlog(self) -> int:
        return int(self.gateway.state()["journal"]["backlog_readings"])


@dataclass(frozen=True, slots=True)
class Places:
    """What a row has of its own: the folder of the database and that of the journal on other disks, and the address at
    which the village's link listens, with the one under which the gateway reaches it.
    """

    database: Path | None = None
    journal: Path | None = None
    link: str = HOST
    reached: str = HOST


@contextmanager
def village(folder: Path, seed: int, readings: int, places: Places = Places()) -> Iterator[Village]:
    """`readings` is how many the board will take at most: so long ago it began."""
    with ExitStack() as parts:
        users = [InfluxUser("gateway", DATABASE_PASSWORD, "WRITE")]
        database = parts.enter_context(InfluxDB(places.database or folder, users=users))
        link = parts.enter_context(VillageLink(database.port, places.link))
        broker = parts.enter_context(Mosquitto(folder, USERS))
        gateway = ShiftedGateway(
            folder,
            broker,
            f"http://{places.reached}:{link.port}",
            broker_password=USERS["gateway"],
            database_password=DATABASE_PASSWORD,
        )
        if places.journal:
            gateway.journal.symlink_to(places.journal)
        parts.enter_context(gateway)
        board = parts.enter_context(ScriptedBoard(broker, knows_utc=True))
        board.let_pass(readings * POLL_MS)
        yield Village(database, link, broker, gateway, board, random.Random(seed))


def each_round(rounds: int) -> Iterator[int]:
    """Counts them from 0, and tells it."""
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        yield number


def gateway_killed(folder: Path, rounds: int, seed: int, readings: int = 1000) -> Tally:
    """Killed at a random moment while it stores and sends."""
    with village(folder, seed, rounds * readings) as here:
        for _ in each_round(rounds):
            seqs = here.take(readings)
            here.pause(0, 1.5)
            here.gateway.kill()
            here.gateway.start()
            here.board.wait_acknowledged(seqs)
        return here.settle(rounds)


def all_killed(folder: Path, rounds: int, seed: int, readings: int = 1100) -> Tally:
    """Broker, gateway and board at once: every other time while the link is down, else while the backlog drains."""
    with village(folder, seed, rounds * readings) as here:
        for number in each_round(rounds):
            here.link.cut()
            if number % 2:
                here.take_all(readings - 50)
                here.link.restore()
                seqs = here.take(50)
            else:
                seqs = here.take(readings)
            here.pause(0, 1)
            here.broker.kill()
            here.gateway.kill()
            here.board.away()
            here.broker.start()
            here.gateway.start()
            here.board.back()
            here.board.wait_acknowledged(seqs)
            here.link.restore()
        return here.settle(rounds)


def link_down_for_days(folder: Path, rounds: int, seed: int, readings: int = 1008) -> Tally:
    """Each round is 2.8 h of readings every 10 s; 60 rounds are seven days."""
    with village(folder, seed, rounds * readings) as here:
        here.link.cut()
        for _ in each_round(rounds):
            here.take_all(readings)
        here.link.restore()
        return here.settle(rounds)


def link_flapping(folder: Path, rounds: int, seed: int, readings: int = 300) -> Tally:
    """Up and down every one to five seconds while readings come and a backlog drains."""
    with village(folder, seed, rounds * readings) as here:
        for _ in each_round(rounds):
            here.link.cut("silence" if here.chance.random() < 0.3 else "reset")
            here.take_all(readings)
            here.pause(0, 3)
            here.link.restore()
            here.pause(0.5, 3)
        return here.settle(rounds)


def answers_cut(folder: Path, rounds: int, seed: int, readings: int = 300) -> Tally:
    """The database stores, and the connection breaks in the middle of its answer: what got none is sent again."""
    with village(folder, seed, rounds * readings) as here:
        for _ in each_round(rounds):
            here.link.answer_bytes = here.chance.randrange(60)
            here.take_all(readings)
            here.pause(1, 3)
            here.link.answer_bytes = None
        return here.settle(rounds)


def wrong_token(folder: Path, rounds: int, seed: int, readings: int = 500) -> Tally:
    """The password is another for a while, then that of the gateway again."""
    with village(folder, seed, rounds * readings) as here:
        for _ in each_round(rounds):
            here.set_database_password("another")
            here.take_all(readings)
            wait_until(here.has_trouble, DELIVERY_DEADLINE, "the refused password on the page")
            here.set_database_password(DATABASE_PASSWORD)
            here.restart_gateway()
        return here.settle(rounds)


def missing_bucket(folder: Path, rounds: int, seed: int, readings: int = 500) -> Tally:
    """There is no database of that name at first."""
    with village(folder, seed, rounds * readings) as here:
        here.database.query(f'DROP DATABASE "{here.database.database}"')
        for _ in each_round(rounds):
            here.take_all(readings)
        wait_until(here.has_trouble, DELIVERY_DEADLINE, "the missing database on the page")
        here.database.query(f'CREATE DATABASE "{here.database.database}"')
        here.database.query(f'GRANT WRITE ON "{here.database.database}" TO "gateway"')
        here.restart_gateway()
        return here.settle(rounds)


def journal_damaged(folder: Path, rounds: int, seed: int, readings: int = 500) -> Tally:
    """While the gateway is away, its files get bytes of garbage at their ends, as a torn write leaves them."""
    with village(folder, seed, rounds * readings) as here:
        for _ in each_round(rounds):
            here.link.cut()
            here.take_all(readings)
            here.gateway.kill()
            for file in here.gateway.journal.iterdir():
                if file.is_file() and here.chance.random() < 0.7:
                    with file.open("ab") as damaged:
                        damaged.write(here.chance.randbytes(here.chance.randint(1, 5000)))
            here.gateway.start()
            here.link.restore()
        return here.settle(rounds)


def one_bad_point(folder: Path, rounds: int, seed: int, readings: int = 300) -> Tally:
    """Among the others is one whose `soc` is a number, where the database holds a text of that name already."""
    with village(folder, seed, rounds * (readings + 1)) as here:
        headers = make_headers(basic_auth=f"gateway:{DATABASE_PASSWORD}")
        for _ in each_round(rounds):
            bad = here.taken + readings // 2
            line = f'bms,device=other soc="a text" {here.board.taken(bad)}'
            target = f"/write?db={here.database.database}&precision=ms"
            http_request(here.database.port, "POST", target, line, headers)
            before, here.taken = here.take(readings // 2), bad + 1
            reading = here.board.held(before[-1]) | {"seq": bad, "up": POLL_MS * bad, "t": here.board.taken(bad)}
            reading |= {
                "signals": {"pack_voltage": 52.5, "cycles": bad, "soc": 50.0},
                "sent": here.board.up(),
                "oldest": 0,
            }
            here.board.publish_raw(json.dumps(reading).encode())
            here.take_all(readings - readings // 2)
            here.board.wait_acknowledged(before)
        tally = here.settle(rounds)
        letters = here.gateway.state()["set_aside"]["dead_letters"]
        return replace(tally, refused=letters, broken=[] if letters == rounds else [f"{letters} dead letters"])
