import random
from collections.abc import Callable

import pytest

from gateway.journal import Journal
from gateway.portions import SET_ASIDE_MOST
from ingest.answer import Answer, Verdict
from tests.gateway_forward_bench import HEALTH, INTERVAL, Bench, refuse
from tests.gateway_stand_ins import UTC_2026, entry

PLENTY = 1000


def test_the_time_is_asked_for_before_anything_is_sent() -> None:
    bench = Bench()
    bench.commit(0)
    assert bench.step() == 0
    assert (bench.database.pings, bench.database.requests) == (1, [])
    bench.step()
    assert bench.sent() == [0]


def test_readings_without_a_time_get_one_before_they_are_sent() -> None:
    bench = Bench()
    undated = entry(3, None, received=bench.clocks.boot)
    bench.dating.heard_entry(undated)
    bench.journal.commit([undated])
    bench.run()
    assert bench.written() == [-100]
    assert bench.journal.pending_readings == 0


def test_a_server_without_a_date_gets_nothing() -> None:
    bench = Bench()
    bench.database.utc_ms = None
    bench.commit(0)
    assert all(bench.step() > 0 for _ in range(5))
    assert bench.database.requests == []
    assert "Date" in (bench.forwarder.database.trouble or "")


def test_the_newest_go_first_and_then_the_backlog_oldest_first() -> None:
    bench = Bench()
    bench.commit(0, PLENTY - 1)
    bench.run()
    newest, oldest, next_oldest = (bench.sent(number) for number in range(3))
    assert newest == list(range(newest[0], PLENTY))
    assert oldest + next_oldest == list(range(len(oldest + next_oldest)))
    assert sorted(bench.written()) == list(range(PLENTY))


def test_the_timer_sends_and_not_the_arrival() -> None:
    bench = Bench()
    bench.step()
    bench.step()
    bench.commit(0)
    wait = bench.step()
    assert 0 < wait <= INTERVAL
    assert bench.written() == []
    bench.step()
    assert bench.written() == [0]


def test_nothing_to_send_makes_no_request_before_the_next_look() -> None:
    bench = Bench()
    bench.step()
    bench.step()
    assert bench.database.requests[0][0].startswith(HEALTH)
    assert bench.step() == INTERVAL
    assert bench.step() == INTERVAL
    assert len(bench.database.requests) == 1


def test_fresh_readings_pass_the_backlog() -> None:
    bench = Bench()
    bench.commit(0, 4 * PLENTY - 1)
    for _ in range(3):
        bench.step()
    bench.commit(100_000)
    bench.clocks.forward(round(INTERVAL * 1000))
    bench.step()
    assert 100_000 in bench.sent()


def test_fresh_readings_pass_what_was_cut_small() -> None:
    bench = Bench(lambda lines: Answer(Verdict.TOO_LARGE if len(lines) > 10 else Verdict.WRITTEN))
    bench.commit(0, PLENTY - 1)
    for _ in range(20):
        bench.step()
    bench.commit(100_000)
    bench.clocks.forward(round(INTERVAL * 1000))
    bench.step()
    assert 100_000 in bench.sent()
    bench.run(1000)
    assert len(set(bench.written())) == PLENTY + 1


def test_when_the_link_returns_the_newest_go_first() -> None:
    bench = Bench()
    bench.step()
    bench.commit(0, PLENTY - 1)
    bench.database.there = False
    bench.step()
    bench.commit(PLENTY, 2 * PLENTY - 1)
    bench.database.there = True
    bench.step()
    bench.step()
    assert bench.sent()[-1] == 2 * PLENTY - 1


def test_a_captive_portal_cannot_set_the_clock() -> None:
    bench = Bench(lambda _lines: Answer(Verdict.UNREACHABLE, "a page", server_utc_ms=UTC_2026 + 3_600_000))
    bench.commit(0)
    bench.step()
    bench.database.utc_ms = None
    bench.step()
    assert abs((bench.clock.utc_ms() or 0) - bench.clocks.system) < 1000


def test_a_bad_line_is_found_and_set_aside_and_the_rest_is_written() -> None:
    bench = Bench(refuse(37))
    bench.commit(0, 99)
    bench.run()
    assert sorted(set(bench.written())) == [seq for seq in range(100) if seq != 37]
    assert bench.dead_letters.count == 1
    assert bench.journal.pending_readings == 0


def test_what_is_too_large_is_halved_until_it_fits() -> None:
    bench = Bench(lambda lines: Answer(Verdict.TOO_LARGE if len(lines) > 10 else Verdict.WRITTEN))
    bench.commit(0, 99)
    bench.run()
    assert sorted(bench.written()) == list(range(100))
    assert bench.dead_letters.count == 0


def test_a_busy_server_is_left_alone_as_long_as_it_asks() -> None:
    answers = [Answer(Verdict.BUSY, "later", retry_after=17.0), Answer(Verdict.WRITTEN)]
    bench = Bench(lambda _lines: answers.pop(0))
    bench.commit(0)
    bench.step()
    assert bench.step() == 17.0
    bench.step()
    assert bench.written() == [0]


def test_without_a_link_it_is_asked_again_soon_and_nothing_is_lost() -> None:
    bench = Bench()
    bench.commit(0, 9)
    bench.step()
    bench.database.there = False
    waits = [bench.step() for _ in range(10)]
    assert waits == sorted(waits)
    assert 2.5 < waits[-1] <= 3
    bench.commit(10)
    bench.database.there = True
    bench.run()
    assert sorted(bench.written()) == list(range(11))
    assert bench.dead_letters.count == 0
    assert bench.forwarder.database.trouble is None


def test_where_lines_went_out_without_an_answer_the_waits_grow_to_a_minute() -> None:
    bench = Bench(lambda lines: Answer(Verdict.UNREACHABLE, "cut", sent_bytes=len("".join(lines))))
    bench.commit(0, 9)
    waits = [bench.step() for _ in range(10)]
    assert waits == sorted(waits)
    assert 50 < waits[-1] <= 60
    assert bench.dead_letters.count == 0


def test_a_server_that_does_not_know_us_is_asked_rarely_and_said_so() -> None:
    answers = [Answer(Verdict.UNAUTHORIZED, "HTTP 401"), Answer(Verdict.WRITTEN)]
    bench = Bench(lambda _lines: answers.pop(0))
    bench.commit(0)
    bench.step()
    assert bench.step() >= 300
    assert "401" in (bench.forwarder.database.trouble or "")
    bench.run()
    assert bench.written() == [0]


def test_a_line_that_alone_gets_no_good_answer_is_not_sent_for_ever() -> None:
    for verdict in (Verdict.UNREACHABLE, Verdict.FAILED):
        bench = Bench(refuse(2, verdict))
        bench.commit(0, 4)
        bench.run()
        assert sorted(set(bench.written())) == [0, 1, 3, 4]
        assert bench.dead_letters.count == 1


def test_a_server_that_writes_nothing_at_all_costs_no_reading() -> None:
    broken = [True]
    bench = Bench(lambda _lines: Answer(Verdict.UNREACHABLE if broken[0] else Verdict.WRITTEN, "HTTP 500"))
    bench.commit(0, 4)
    bench.run()
    assert bench.dead_letters.count == 0
    assert [] not in bench.database.requests
    broken[0] = False
    bench.run()
    assert sorted(set(bench.written())) == [0, 1, 2, 3, 4]
    assert bench.dead_letters.count == 0


def at_random(verdict: Verdict, share: float) -> Callable[[list[str]], Answer]:
    chance = random.Random(1)
    return lambda _lines: Answer(verdict if chance.random() < share else Verdict.WRITTEN, "HTTP 503", sent_bytes=100)


@pytest.mark.parametrize("verdict", [Verdict.BUSY, Verdict.FAILED, Verdict.UNREACHABLE])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_a_server_in_trouble_now_and_then_costs_no_reading(verdict: Verdict, share: float) -> None:
    bench = Bench(at_random(verdict, share))
    for first in range(0, 600, 3):
        bench.commit(first, first + 2)
        bench.run(3)
    bench.run(5000)
    assert (bench.dead_letters.count, bench.journal.pending_readings) == (0, 0)


def test_a_line_is_not_judged_by_tries_before_it_was_alone() -> None:
    def judge(_lines: list[str]) -> Answer:
        return Answer(Verdict.WRITTEN if len(bench.database.requests) in (9, *range(17, 200)) else Verdict.FAILED)

    bench = Bench(judge)
    bench.commit(0, 31)
    bench.run()
    assert (bench.dead_letters.count, sorted(set(bench.written()))) == (0, list(range(32)))


def test_a_proxy_that_finds_everything_too_large_costs_no_reading() -> None:
    broken = [True]
    bench = Bench(lambda _lines: Answer(Verdict.TOO_LARGE if broken[0] else Verdict.WRITTEN, "HTTP 413"))
    bench.commit(0, 19)
    bench.run()
    assert bench.dead_letters.count == 0
    assert "413" in (bench.forwarder.database.trouble or "")
    requests = len(bench.database.requests)
    for _ in range(20):
        bench.step()
    assert len(bench.database.requests) - requests <= 40
    broken[0] = False
    bench.run()
    assert (bench.dead_letters.count, sorted(set(bench.written()))) == (0, list(range(20)))


def test_a_line_that_alone_is_too_large_is_set_aside_in_the_end() -> None:
    bench = Bench(refuse(2, Verdict.TOO_LARGE))
    bench.commit(0, 4)
    bench.run()
    assert sorted(set(bench.written())) == [0, 1, 3, 4]
    assert bench.dead_letters.count == 1


@pytest.mark.parametrize("retry_after", [0.0, 0.5])
def test_the_waits_grow_where_a_busy_server_asks_for_next_to_none(retry_after: float) -> None:
    bench = Bench(lambda _lines: Answer(Verdict.BUSY, "HTTP 503", retry_after=retry_after, sent_bytes=10))
    bench.commit(0)
    bench.step()
    bench.step()
    start = bench.clocks.boot
    for _ in range(60):
        bench.step()
    assert bench.clocks.boot - start > 15 * 60_000
    assert bench.dead_letters.count == 0


def test_what_meets_a_busy_server_again_and_again_does_not_hold_back_the_rest() -> None:
    bench = Bench(
        lambda lines: Answer(
            Verdict.BUSY if any(" pack_voltage=52.5,cycles=7i" in line for line in lines) else Verdict.WRITTEN,
            "HTTP 429",
        )
    )
    bench.commit(0, PLENTY - 1)
    bench.run()
    assert len(bench.written()) > PLENTY - 40
    bench.commit(PLENTY, PLENTY + 9)
    bench.run(40)
    assert bench.written()[-10:] == list(range(PLENTY, PLENTY + 10))


def test_a_body_that_is_too_large_for_the_link_is_sent_in_smaller_ones() -> None:
    most = 60

    def thin_link(lines: list[str]) -> Answer:
        bench.database.there = len(lines) <= most  # a ping behind a body that stuck is lost too
        return Answer(Verdict.WRITTEN if len(lines) <= most else Verdict.UNREACHABLE, "timed out", sent_bytes=60_000)

    bench = Bench(thin_link)
    for group in range(5):
        bench.journal.commit([entry(seq, (UTC_2026 + seq, "device")) for seq in range(group * 100, group * 100 + 100)])
    for _ in range(60):
        bench.step()
        bench.database.there = True
    assert sorted(set(bench.written())) == list(range(500))
    assert bench.dead_letters.count == 0


def test_bodies_grow_again_when_the_link_is_better() -> None:
    bench = Bench()
    bench.commit(0, 9_999)
    bench.step()
    bench.database.judge = lambda _lines: Answer(Verdict.UNREACHABLE, "timed out", sent_bytes=60_000)
    bench.database.ping_verdict = Verdict.UNREACHABLE
    for _ in range(5):
        bench.step()
    bench.database.judge = lambda _lines: Answer(Verdict.WRITTEN)
    bench.database.ping_verdict = Verdict.WRITTEN
    bench.step()
    bench.step()
    small = len(bench.sent())
    bench.run()
    assert small <= 40
    assert max(map(len, bench.database.requests[-20:])) >= PLENTY


def test_a_ping_that_wants_a_password_is_an_answer_too() -> None:
    bench = Bench(refuse(3, Verdict.UNREACHABLE))
    bench.database.ping_verdict = Verdict.UNAUTHORIZED
    bench.commit(0, 9)
    bench.run()
    assert sorted(set(bench.written())) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert bench.dead_letters.count == 1


def test_a_database_that_refuses_all_of_a_kind_empties_no_journal() -> None:
    conflict = [True]

    def judge(lines: list[str]) -> Answer:
        refused = conflict[0] and any(line.startswith("bms") for line in lines)
        return Answer(Verdict.REFUSED, "field type conflict") if refused else Answer(Verdict.WRITTEN)

    bench = Bench(judge)
    bench.commit(0, 999)
    bench.run()
    trouble = bench.forwarder.setting_aside.trouble
    assert bench.dead_letters.count == SET_ASIDE_MOST
    assert bench.journal.pending_readings == 1000 - SET_ASIDE_MOST
    assert "field type conflict" in (trouble or "")
    bench.journal.commit([entry(2000, (UTC_2026 + 2000, "device"), measurement="unit", device="unit")])
    bench.step()
    bench.step()
    assert bench.written()[-1] == 2000
    conflict[0] = False
    bench.run()
    assert bench.journal.pending_readings == 0
    assert len(set(bench.written())) == 1001 - SET_ASIDE_MOST
    assert bench.forwarder.setting_aside.trouble is None


def test_health_that_is_refused_holds_back_no_reading(caplog: pytest.LogCaptureFixture) -> None:
    def judge(lines: list[str]) -> Answer:
        return Answer(Verdict.REFUSED if any(HEALTH in line for line in lines) else Verdict.WRITTEN, "conflict")

    bench = Bench(judge)
    for _ in range(4 * SET_ASIDE_MOST):
        bench.step()
    bench.commit(0, 9)
    bench.run()
    assert bench.written() == list(range(10))
    assert (bench.dead_letters.count, bench.forwarder.setting_aside.trouble) == (0, None)
    assert [record.message for record in caplog.records] == ["the gateway's health: conflict"]


def test_while_a_database_refuses_all_it_is_asked_rarely() -> None:
    bench = Bench(lambda _lines: Answer(Verdict.REFUSED, "beyond retention policy"))
    bench.commit(0, 999)
    for _ in range(100):
        bench.step()
    start, requests = bench.clocks.boot, len(bench.database.requests)
    while bench.clocks.boot - start < 6 * 3_600_000:
        bench.step()
    assert bench.dead_letters.count <= 8 * SET_ASIDE_MOST
    assert len(bench.database.requests) - requests < 1000


def test_after_a_start_what_was_forwarded_is_not_sent_again() -> None:
    bench = Bench()
    bench.commit(0, 9)
    bench.run()
    again = Bench()
    again.journal = Journal(bench.disk)
    assert again.journal.pending_readings == 0


def test_the_gateways_health_goes_along_once_a_minute() -> None:
    bench = Bench()
    bench.step()
    minutes = 10
    start = bench.clocks.boot
    while bench.clocks.boot - start < minutes * 60_000:
        bench.step()
    assert abs(len([line for line in bench.database.written if line.startswith(HEALTH)]) - minutes) <= 1
