"""Runs under CPython and MicroPython; see run.py."""

from clock import TICKS_PERIOD, Clock

UTC = 1_795_562_958_755


class Ticks:
    """A counter that wraps, as time.ticks_ms() does."""

    def __init__(self, start=0, period=TICKS_PERIOD):
        self.value = start
        self.period = period

    def __call__(self):
        return self.value

    def advance(self, ms):
        self.value = (self.value + ms) % self.period


def test_milliseconds_go_on_across_the_wrap():
    ticks = Ticks(TICKS_PERIOD - 100)
    clock = Clock(ticks)
    ticks.advance(99)
    assert clock.now() == 99
    ticks.advance(50)
    assert clock.now() == 149


def test_a_hundred_days_are_counted_with_one_look_a_day():
    ticks = Ticks(12345)
    clock = Clock(ticks)
    for _ in range(100):
        ticks.advance(86_400_000)
        clock.now()
    assert clock.now() == 100 * 86_400_000


def test_a_shorter_period_wraps_as_well():
    ticks = Ticks(250, 256)
    clock = Clock(ticks, 256)
    for _ in range(10):
        ticks.advance(200)
        clock.now()
    assert clock.now() == 2000


def test_utc_is_none_until_it_is_told():
    assert Clock(Ticks()).utc(0) is None


def test_utc_is_the_gateways_plus_half_the_round_trip():
    ticks = Ticks()
    clock = Clock(ticks)
    ticks.advance(5000)
    assert clock.learn(UTC, 4700, 200)  # 100 ms on the way, 50 of them after the gateway looked at its clock
    assert clock.utc(5000) == UTC + 50
    assert clock.utc(4000) == UTC + 50 - 1000


def test_what_cannot_be_right_is_refused():
    ticks = Ticks()
    clock = Clock(ticks)
    ticks.advance(5000)
    assert not clock.learn(None, 4900, 0)
    assert not clock.learn(UTC, 4000, 0)  # 1000 ms: it may have lain in a buffer
    assert not clock.learn(UTC, 4900, 200)  # the gateway cannot have held it for longer than it was away
    assert not clock.learn(1_704_067_199_999, 4900, 0)
    assert not clock.learn(4_102_444_800_000, 4900, 0)
    assert clock.utc(0) is None


def test_a_better_estimate_wins_and_a_worse_one_does_not():
    ticks = Ticks()
    clock = Clock(ticks)
    ticks.advance(5000)
    clock.learn(UTC, 4600, 0)
    assert clock.learn(UTC, 4980, 0)
    better = clock.utc(0)
    assert not clock.learn(UTC - 100, 4600, 0)
    assert clock.utc(0) == better


def test_an_old_estimate_has_drifted_and_gives_way():
    ticks = Ticks()
    clock = Clock(ticks)
    ticks.advance(100)
    clock.learn(UTC, 98, 0)
    ticks.advance(3_600_000)
    assert clock.learn(UTC + 3_600_000, clock.now() - 200, 0)


def test_a_gateway_whose_clock_was_set_in_between_is_followed():
    ticks = Ticks()
    clock = Clock(ticks)
    ticks.advance(1000)
    clock.learn(UTC, 998, 0)
    assert clock.learn(UTC + 86_400_000, 600, 0)
    assert clock.utc(1000) == UTC + 86_400_000 + 200


def test_utc_goes_on_across_the_wrap():
    ticks = Ticks(TICKS_PERIOD - 10)
    clock = Clock(ticks)
    ticks.advance(5)
    clock.learn(UTC, 5, 0)
    ticks.advance(20)
    assert clock.utc(clock.now()) == UTC + 20


def test_a_soft_reset_begins_anew_although_the_ticks_go_on():
    ticks = Ticks()
    before = Clock(ticks)
    ticks.advance(5_000_000)
    before.learn(UTC, 4_999_990, 0)
    after = Clock(ticks)  # RAM is gone, the counter is not
    assert after.now() == 0 and after.utc(0) is None
    ticks.advance(700)
    assert after.now() == 700


def test_a_calendar_that_was_never_set_is_no_time():
    ticks = Ticks()
    clock = Clock(ticks)
    ticks.advance(100)
    for epoch in (
        0,
        946_684_800_000,
    ):  # 1970 and 2000, as the chip's calendar starts: what a gateway without time may say
        assert not clock.learn(epoch + 60_000, 98, 0)
    assert clock.utc(0) is None


def test_the_report_tells_how_wrong_utc_may_be():
    ticks = Ticks(TICKS_PERIOD - 50)
    clock = Clock(ticks)
    ticks.advance(100)
    assert clock.report() == {"up": 100, "utc": None, "error": None}
    clock.learn(UTC, 80, 0)
    assert clock.report() == {"up": 100, "utc": UTC + 10, "error": 10}
    ticks.advance(3_600_000)
    assert clock.report() == {"up": 3_600_100, "utc": UTC + 3_600_010, "error": 10 + 180}
