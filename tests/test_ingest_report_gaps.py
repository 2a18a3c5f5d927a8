"""Each gap has a name, and the database holds a trace of it: without one the gap is "not known"."""

from ingest.report.gaps import completeness, gaps, heard, on_and_off
from ingest.report.history import Board, BoardStart, Gateway, History, Loss
from tests.report_stand_ins import HOUR, at, device, history, hour, minutes, november

PERIOD = november()
START, END = PERIOD.span
FIRST, LAST = at("2026-11-10 19:00"), at("2026-11-11 04:00")
AWAY = [*minutes(START, FIRST), *minutes(LAST, END)]
WHOLE = minutes(START, END)
HEARD = Gateway(WHOLE, END, 0, 0)


def why(seen: History) -> str:
    [gap] = gaps(seen, PERIOD)
    assert gap.span == (FIRST, LAST)
    return gap.why


def away(**more: object) -> History:
    return history([device("bms1", "bms", AWAY)], **({"board": Board(WHOLE, []), "gateway": HEARD} | more))


def test_readings_five_minutes_apart_are_neighbours_and_a_minute_more_is_a_gap() -> None:
    near = device("bms1", "bms", [START, START + 300])
    far = device("bms1", "bms", [START, START + 360])
    span = START, START + 420
    assert heard(near, span) == [span]
    assert heard(far, span) == [(START, START + 60), (START + 360, START + 420)]


def test_without_a_trace_a_gap_is_not_known() -> None:
    assert why(away()) == "not known"
    assert why(away(gateway=None)) == "not known"


def test_a_loss_is_told_with_its_readings_and_reason() -> None:
    lost = [Loss((FIRST - 60, FIRST + HOUR), 60, "spool_full"), Loss((LAST + HOUR, LAST + 2 * HOUR), 9, "spool_full")]
    assert why(away(losses=lost)) == "60 readings given up by the board, whose flash was full"


def test_a_device_that_did_not_answer_is_told() -> None:
    silent = device("bms1", "bms", AWAY, failed=set(minutes(FIRST, LAST)))
    assert why(history([silent])) == "it did not answer on the bus, asked in 540 minutes"


def test_a_board_that_started_again_was_off() -> None:
    starts = [BoardStart(START - HOUR, "power_on"), BoardStart(LAST - 60, "power_on")]
    assert why(away(board=Board(WHOLE, starts))) == "the board was off until 03:59 (its power was gone)"


def test_hourly_figures_that_are_here_show_that_the_readings_are_on_the_gateway() -> None:
    assert why(away(hours=[hour(FIRST + HOUR, "bms", "bms1")])).startswith("not delivered yet: the gateway has these")
    assert why(away(hours=[hour(FIRST + HOUR, "bms", "bms2")])) == "not known"


def test_a_backlog_as_old_as_the_gap_may_hold_it() -> None:
    assert (
        why(away(gateway=Gateway(WHOLE, END, 500, FIRST)))
        == "perhaps not delivered yet: 500 readings wait on the gateway"
    )
    assert why(away(gateway=Gateway(WHOLE, END, 500, LAST + 60))) == "not known"


def test_what_else_was_silent_is_told() -> None:
    assert "its power or its Wi-Fi was off" in why(away(board=Board(AWAY, [])))
    assert "the gateway was not heard either" in why(away(gateway=Gateway(AWAY, END, 0, 0)))


def test_a_gateway_that_is_away_now_holds_what_is_missing_at_the_end() -> None:
    seen = history([device("bms1", "bms", minutes(START, FIRST))], gateway=Gateway([], FIRST, 0, 0))
    [gap] = gaps(seen, PERIOD)
    assert (gap.span, gap.why) == ((FIRST, END), "not delivered yet: the gateway was last heard 10 Nov 19:00")


def test_before_its_first_reading_a_device_was_not_there() -> None:
    [gap] = gaps(history([device("bms1", "bms", minutes(LAST, END), is_new=True)]), PERIOD)
    assert (gap.span, gap.why) == ((START, LAST), "before the first reading of it")


def test_devices_that_were_away_together_stand_together() -> None:
    other = [*minutes(START, FIRST + 60), *minutes(LAST + 60, END)]
    seen = history([device("bms1", "bms", AWAY), device("mppt1", "charge_controller", other)])
    [gap] = gaps(seen, PERIOD)
    assert gap.devices == ("bms1", "mppt1")


def test_completeness_is_the_share_that_is_known() -> None:
    half = device("bms1", "bms", minutes(START, START + (END - START) // 2))
    assert completeness([half], PERIOD.span) == {"bms1": 0.5}


def test_what_a_reading_says_of_the_supply_holds_until_the_next_one() -> None:
    told = device("bms1", "bms", [], live={START: True, START + 120: False, START + 240: True, START + HOUR: True})
    on, off = on_and_off(told, (START, START + HOUR + 60))
    assert off == [(START + 120, START + 240)]
    assert on == [(START, START + 120), (START + 240, START + 300), (START + HOUR, START + HOUR + 60)]
