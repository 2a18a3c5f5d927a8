"""When the watchdog is fed, and what counts as a stall. Runs under MicroPython alone, with umqtt on the path; see
../run.py. `Dog`, `Poller`, `Link` and `Store` stand in for watchdog, Poller, Link and Spool.
"""

import asyncio
import time

from link import LONGEST_TURN
from supervision import BEAT, LONGEST_STALL, LONGEST_UNSAFE, Heartbeat, Supervision

PERIOD = 10000
NOW = 100000000


class Dog:
    fed = 0

    def feed(self):
        self.fed += 1


class Poller:
    last_round = NOW


class Link:
    last_turn = NOW
    acknowledged_at = NOW


class Store:
    """Whatever flash does, `keep` returns."""

    flash_fails = False
    kept = ()

    def keep(self, now):
        self.kept += (now,)


def fed(**changes):
    """Whether the watchdog is fed when the fields of the stand-ins have these values."""
    dog, store, poller, link = Dog(), Store(), Poller(), Link()
    for name, value in changes.items():
        owner = [each for each in (store, poller, link) if hasattr(each, name)][0]
        setattr(owner, name, value)
    Supervision(dog, lambda: NOW, store, poller, link, PERIOD).tend()
    assert store.kept == (NOW,)
    return dog.fed == 1


def test_it_is_fed_while_all_goes_well():
    assert fed()


def test_a_poller_that_hangs_starves_it_and_the_spool_is_kept_all_the_same():
    assert fed(last_round=NOW - PERIOD - LONGEST_STALL)
    assert not fed(last_round=NOW - PERIOD - LONGEST_STALL - 1)


def test_a_link_that_hangs_starves_it():
    assert fed(last_turn=NOW - LONGEST_TURN)
    assert not fed(last_turn=NOW - LONGEST_TURN - 1)


def test_an_outage_alone_does_not_starve_it():
    assert fed(acknowledged_at=None)
    assert fed(acknowledged_at=0)


def test_flash_that_refuses_does_not_starve_it_while_the_gateway_takes_readings():
    assert fed(flash_fails=True)
    assert fed(flash_fails=True, acknowledged_at=NOW - LONGEST_UNSAFE)


def test_flash_and_gateway_that_both_take_nothing_starve_it():
    assert not fed(flash_fails=True, acknowledged_at=NOW - LONGEST_UNSAFE - 1)
    assert not fed(flash_fails=True, acknowledged_at=None)


def test_the_longest_stall_is_told_once():
    async def stalls():
        beat = asyncio.create_task(heart.run())
        await asyncio.sleep_ms(2 * BEAT)
        time.sleep_ms(3 * BEAT)
        await asyncio.sleep_ms(2 * BEAT)
        beat.cancel()

    heart = Heartbeat(time.ticks_ms)
    asyncio.run(stalls())
    assert heart.longest() >= 2 * BEAT
    assert heart.longest() == 0
