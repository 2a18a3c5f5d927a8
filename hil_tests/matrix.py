"""The fault matrix: every row, what is done in it, its short version in `make test`, and its long one in `make hil`.

A row with a `run` has a long version of its own. One without has the same tests for both, most of them because they are
exhaustive already, as those which cut the power at every write.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil_tests import volume
from hil_tests.faults import REPLY_FAULTS, TO_1970, Fault, in_turn
from hil_tests.namespaces import in_namespace
from hil_tests.soak import run_faults
from hil_tests.soak_record import Outcome
from hil_tests.tally import Tally

PERIOD = 1
Run = Callable[[Path, int, int], Tally]
"""In this folder so many rounds, with a seed for whatever is random."""


@dataclass(frozen=True, slots=True)
class Row:
    """`short` are pytest's names of the tests that are the row's short version; `rounds` is of the long one."""

    name: str
    done: str
    short: tuple[str, ...]
    rounds: int = 1
    run: Run | None = None

    @property
    def file(self) -> str:
        return "".join(letter if letter.isalnum() else "-" for letter in self.name.lower())


def on_the_chain(
    kinds: Iterable[tuple[str, dict[str, Any]]], hold: tuple[float, float], pause: tuple[float, float]
) -> Run:
    """The faults one after the other on the whole chain, the real firmware included; times in seconds."""

    def run(folder: Path, rounds: int, seed: int) -> Tally:
        return chain(folder, in_turn(seed, rounds, kinds, hold, pause), rounds)

    return run


def chain(folder: Path, faults: list[Fault], rounds: int) -> Tally:
    outcome = run_faults(folder, faults, max(fault.end for fault in faults) + 1, period=PERIOD)
    if len(outcome.faults) < len(faults):
        raise KeyboardInterrupt
    return tally(outcome, rounds)


def tally(outcome: Outcome, rounds: int) -> Tally:
    return Tally(
        rounds=rounds,
        readings=outcome.readings,
        lost=outcome.lost,
        duplicated=outcome.duplicated,
        mistimed=outcome.mistimed,
        wrong=outcome.wrong + outcome.foreign + outcome.write_attempts,
        in_window=outcome.in_window,
        oldest_in_window=outcome.oldest_in_window,
        estimated=outcome.estimated,
        broken=[*outcome.broken, *outcome.examples],
    )


def night_of_1970(folder: Path, rounds: int, seed: int) -> Tally:
    """A minute each: no link, the clock in 1970, the gateway killed twice and the board once; then the link is back."""
    del seed  # the same minute each time
    faults = []
    for at in range(0, 70 * rounds, 70):
        faults += [
            Fault(at + 5, at + 50, "link", "link down"),
            Fault(at + 6, at + 60, "clock", "clock set", {"hours": TO_1970}),
            Fault(at + 8, at + 10, "village", "gateway killed"),
            Fault(at + 18, at + 20, "village", "board power cut"),
            Fault(at + 36, at + 38, "village", "gateway killed"),
        ]
    return chain(folder, faults, rounds)


BUS_FAULTS: list[tuple[str, dict[str, Any]]] = [
    *(("replies", {"harm": harm, "times": times}) for harm in REPLY_FAULTS for times in (1, 2)),
    ("late replies", {"late": 0.2, "times": 2}),
    ("late replies", {"late": 0.4, "times": 2}),
]
SECOND_MASTER: list[tuple[str, dict[str, Any]]] = [
    ("second master", {"request": request}) for request in ("010432010001", "020312980002")
]
JUMPS: list[tuple[str, dict[str, Any]]] = [
    ("clock set", {"hours": hours}) for hours in (3, -3, 26, -26, 24 * 400, TO_1970)
]


def plain(kind: str) -> list[tuple[str, dict[str, Any]]]:
    return [(kind, {})]


ROWS = (
    Row(
        "bus: damaged replies",
        "CRC, dropped byte, truncation, silence, noise, babble, junk, late reply, gap, echo, wrong slave, in turn",
        ("hil_tests/test_link.py::test_no_fault_on_the_bus_costs_a_reading",),
        110,
        on_the_chain(BUS_FAULTS, (0.1, 0.2), (2, 3)),
    ),
    Row(
        "bus: two masters",
        "another master asks both devices at random moments; the board hears answers that it did not ask for",
        ("hil_tests/test_bus.py::test_the_master_hears_what_another_one_was_answered",),
        60,
        on_the_chain(SECOND_MASTER, (0.1, 0.2), (0.5, 2)),
    ),
    Row(
        "bus: cable cut",
        "for 3 to 15 s",
        ("hil_tests/test_bus.py::test_a_cut_cable_is_silent_until_it_is_restored",),
        10,
        on_the_chain(plain("cable cut"), (3, 15), (5, 8)),
    ),
    Row(
        "a device gone, a BMS in shutdown",
        "one device silent for 5 to 25 s, then back; a BMS in shutdown is silent likewise",
        ("hil_tests/test_chain.py::test_a_device_that_falls_silent_costs_the_other_no_reading",),
        10,
        on_the_chain([("device gone", {"model": model}) for model in ("jk_pb", "epever_tracer")], (5, 25), (5, 8)),
    ),
    Row(
        "a device that returns with other firmware",
        "its layout is asked for anew after each return; shown on the board's code, not yet on the bus",
        (
            "tests/test_board_suite.py::test_under_cpython"
            "[suite_device.test_a_layout_is_settled_before_the_first_poll_and_after_each_return_from_offline]",
            "tests/test_board_suite.py::test_under_cpython"
            "[suite_device.test_a_device_that_comes_back_from_offline_is_asked_for_everything_anew]",
        ),
    ),
    Row(
        "board power cut",
        "at a random moment, for 0.5 to 2 s",
        ("hil_tests/test_link.py::test_what_no_one_acknowledged_is_sent_again_and_survives_a_power_cut",),
        50,
        on_the_chain(plain("board power cut"), (0.5, 2), (5, 9)),
    ),
    Row(
        "board power cut at every flash write",
        "clean and torn, in the real LittleFS",
        ("tests/test_micropython_suite.py::test_under_micropython[suite_power_cut]",),
    ),
    Row(
        "board watchdog",
        "poller or link hang; the radio dies",
        (
            "hil_tests/test_supervision.py::test_a_poller_that_hangs_gets_the_watchdog_and_the_next_start_tells",
            "hil_tests/test_supervision.py::test_a_link_that_hangs_gets_the_watchdog",
            "hil_tests/test_supervision.py::test_a_dead_radio_restarts_the_board_which_loses_nothing_and_says_why",
        ),
    ),
    Row(
        "Wi-Fi lost",
        "for 10 to 30 s",
        ("hil_tests/test_link.py::test_wifi_that_goes_and_returns_loses_no_reading",),
        5,
        on_the_chain(plain("wifi gone"), (10, 30), (15, 25)),
    ),
    Row(
        "broker killed",
        "for 1 to 20 s; it keeps nothing on a disk, so its state is gone",
        ("hil_tests/test_gateway.py::test_a_broker_that_dies_with_what_it_acknowledged_costs_nothing",),
        10,
        on_the_chain(plain("broker killed"), (1, 20), (8, 15)),
    ),
    Row(
        "broker frozen",
        "for 10 to 45 s",
        ("hil_tests/test_link.py::test_a_broker_that_freezes_stops_no_poll_and_loses_no_reading",),
        5,
        on_the_chain(plain("broker frozen"), (10, 45), (10, 20)),
    ),
    Row(
        "broker restarted",
        "in order; its state is gone",
        ("hil_tests/test_link.py::test_a_broker_that_is_restarted_is_found_again",),
        10,
        on_the_chain(plain("broker restarted"), (0.5, 3), (8, 15)),
    ),
    Row(
        "gateway kill -9",
        "at a random moment while it stores and sends 1,000 readings",
        ("hil_tests/test_gateway.py::test_every_acknowledged_reading_reaches_the_database_once_through_kills",),
        50,
        volume.gateway_killed,
    ),
    Row(
        "broker, gateway and board killed together, by volume",
        "1,100 readings a round; in turn while the link is down and while the backlog drains",
        ("hil_tests/test_matrix.py::test_all_killed_together_cost_nothing",),
        50,
        volume.all_killed,
    ),
    Row(
        "broker, gateway and board killed together, real firmware",
        "at a random moment, for 0.5 to 3 s",
        ("hil_tests/test_chain.py::test_kill_and_power_cut_in_an_outage_cost_no_acknowledged_reading",),
        50,
        on_the_chain(plain("board, broker and gateway killed"), (0.5, 3), (6, 10)),
    ),
    Row(
        "board and gateway cut together",
        "at a random moment, for 1 to 5 s",
        ("hil_tests/test_chain.py::test_kill_and_power_cut_in_an_outage_cost_no_acknowledged_reading",),
        10,
        on_the_chain(plain("board and gateway cut"), (1, 5), (6, 10)),
    ),
    Row(
        "journal power cut at every write",
        "every write and sync of a whole life, torn and whole",
        (
            "tests/test_gateway_powercut.py::test_a_power_cut_at_any_moment_costs_no_acknowledged_reading",
            "tests/test_gateway_powercut_life.py::"
            "test_a_power_cut_anywhere_in_a_whole_life_costs_nothing_that_was_promised",
        ),
    ),
    Row(
        "link down for minutes",
        "three minutes each",
        ("hil_tests/test_chain.py::test_every_reading_is_stored_once_over_a_link_outage",),
        2,
        on_the_chain(plain("link down"), (180, 181), (10, 15)),
    ),
    Row(
        "link down for seven simulated days",
        "60,480 readings, one every 10 s, wait for the link",
        ("hil_tests/test_gateway.py::test_an_outage_of_the_link_and_of_the_broker_costs_and_doubles_nothing",),
        60,
        volume.link_down_for_days,
    ),
    Row(
        "link flapping",
        "up and down every few seconds, by reset and by silence, while a backlog drains",
        ("hil_tests/test_matrix.py::test_a_link_that_flaps_costs_nothing",),
        30,
        volume.link_flapping,
    ),
    Row(
        "slow link with loss",
        "32 kbit/s, 800 ms, 10 % of all packets lost, each way, on a wire of its own in a network namespace",
        (
            "hil_tests/test_gateway.py::"
            "test_over_a_thin_link_the_newest_readings_pass_the_backlog_and_every_byte_is_counted",
        ),
        3,
        in_namespace("slow_link"),
    ),
    Row(
        "database killed",
        "for 1 to 15 s",
        ("hil_tests/test_database.py::test_what_was_written_outlives_a_killed_server",),
        10,
        on_the_chain(plain("database killed"), (1, 15), (5, 10)),
    ),
    Row(
        "database restarted",
        "in order",
        ("hil_tests/test_gateway.py::test_readings_without_a_time_get_one_when_the_database_is_reached",),
        10,
        on_the_chain(plain("database restarted"), (0.5, 5), (5, 10)),
    ),
    Row(
        "database frozen",
        "for 5 to 30 s",
        ("hil_tests/test_database.py::test_a_frozen_server_costs_one_timeout",),
        5,
        on_the_chain(plain("database frozen"), (5, 30), (5, 10)),
    ),
    Row(
        "database's disk full",
        "filled to the last byte, then freed; InfluxDB 1.6.7 takes nothing again before it is restarted",
        ("tests/test_gateway_forward.py::test_a_server_that_writes_nothing_at_all_costs_no_reading",),
        3,
        in_namespace("database_disk_full"),
    ),
    Row(
        "wrong token",
        "the password is another for a while; the gateway is restarted when it is right again",
        (
            "tests/test_gateway_forward.py::test_a_server_that_does_not_know_us_is_asked_rarely_and_said_so",
            "hil_tests/test_database.py::test_a_wrong_password_stops_until_a_person_mends_it",
        ),
        3,
        volume.wrong_token,
    ),
    Row(
        "missing bucket",
        "made later; the gateway is restarted then",
        ("hil_tests/test_database.py::test_an_unknown_database_is_no_fault_of_the_lines",),
        3,
        volume.missing_bucket,
    ),
    Row(
        "one bad point in a batch",
        "one of 301 has a type that the database refuses; it is set aside, the others arrive",
        (
            "tests/test_gateway_forward.py::test_a_bad_line_is_found_and_set_aside_and_the_rest_is_written",
            "hil_tests/test_database.py::test_one_bad_line_is_refused_with_its_reason_and_the_rest_is_stored",
        ),
        10,
        volume.one_bad_point,
    ),
    Row(
        "answers cut in the middle",
        "the database stores and the connection breaks within its answer",
        ("hil_tests/test_matrix.py::test_answers_that_break_off_cost_and_double_nothing",),
        20,
        volume.answers_cut,
    ),
    Row(
        "clock in 1970",
        "no link and a gateway clock in 1970, gateway killed twice and board once meanwhile; then the link is back",
        (
            "tests/test_gateway_long_night.py::test_when_all_restarted_each_night_is_placed_right_before_the_next",
            "tests/test_gateway_long_night.py::"
            "test_a_board_that_ran_through_it_all_is_dated_exactly_and_dates_those_that_did_not",
        ),
        5,
        night_of_1970,
    ),
    Row(
        "clock jumps",
        "the gateway's clock ±3 h, ±26 h, +400 days, 1970, for 5 to 15 s each",
        (
            "tests/test_gateway_long_night.py::test_a_clock_that_jumps_while_the_link_is_there_moves_no_reading",
            "tests/test_gateway_clock.py::test_jumps_of_the_system_clock_both_ways_change_nothing",
        ),
        18,
        on_the_chain(JUMPS, (5, 15), (3, 8)),
    ),
    Row(
        "gateway's disk full",
        "filled to the last byte, then freed",
        ("tests/test_gateway_journal.py::test_a_full_disk_stores_nothing_and_the_next_commit_does",),
        3,
        in_namespace("gateway_disk_full"),
    ),
    Row(
        "journal file damaged",
        "garbage at the ends of its files while the gateway is away",
        (
            "tests/test_gateway_journal.py::test_a_damaged_tail_is_copied_aside_and_cut_off",
            "tests/test_gateway_journal.py::test_damage_in_the_middle_costs_one_frame_and_no_number_is_used_twice",
        ),
        20,
        volume.journal_damaged,
    ),
)
