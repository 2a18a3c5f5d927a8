from tests.gateway_stand_ins import UTC_2026, ScriptedClocks


def test_without_a_servers_word_there_is_no_time() -> None:
    clock = ScriptedClocks(system=UTC_2026).clock()
    assert not clock.trusted
    assert clock.utc_ms() is None
    assert clock.system_error() is None


def test_a_system_clock_that_agrees_is_used() -> None:
    clocks = ScriptedClocks(system=UTC_2026 + 1800)
    assert clocks.clock(UTC_2026).utc_ms() == UTC_2026 + 1800


def test_a_system_clock_in_1970_is_not() -> None:
    clocks = ScriptedClocks(system=0)
    clock = clocks.clock(UTC_2026)
    utc = clock.utc_ms()
    assert utc is not None
    assert UTC_2026 <= utc <= UTC_2026 + 999
    assert clock.system_error() == utc / 1000


def test_jumps_of_the_system_clock_both_ways_change_nothing() -> None:
    clocks = ScriptedClocks(system=UTC_2026 + 400)
    clock = clocks.clock(UTC_2026)
    for jump in (-3_600_000, +86_400_000):
        clocks.system += jump
        utc = clock.utc_ms()
        assert utc is not None
        assert abs(utc - (UTC_2026 + 400)) < 1000


def test_time_goes_on_with_the_boottime() -> None:
    clocks = ScriptedClocks()
    clock = clocks.clock(UTC_2026)
    before = clock.utc_ms()
    clocks.forward(5000)
    assert before is not None
    assert clock.utc_ms() == before + 5000


def test_a_slow_answer_bounds_the_time_from_both_sides() -> None:
    clocks = ScriptedClocks(boottime=50_000)
    clock = clocks.clock()
    clock.observe(UTC_2026, start=40_000, end=50_000)
    assert clock.utc_offset() == UTC_2026 - 44_501  # the middle of UTC_2026 − 50,000 and UTC_2026 + 999 − 40,000


def test_further_answers_narrow_the_bounds() -> None:
    clocks = ScriptedClocks(boottime=1000)
    clock = clocks.clock()
    # The true offset is UTC_2026 + 700: whole seconds turn at boottime 300, 1300, …
    clock.observe(UTC_2026 + 1000, start=1000, end=1001)
    clock.observe(UTC_2026 + 1000, start=1280, end=1290)
    clock.observe(UTC_2026 + 2000, start=1310, end=1320)
    offset = clock.utc_offset()
    assert offset is not None
    assert abs(offset - (UTC_2026 + 700)) <= 25


def test_the_newest_of_contradicting_answers_counts() -> None:
    clocks = ScriptedClocks()
    clock = clocks.clock(UTC_2026)
    clock.observe(UTC_2026 + 60_000, clocks.boot, clocks.boot)
    utc = clock.utc_ms()
    assert utc is not None
    assert UTC_2026 + 60_000 <= utc < UTC_2026 + 61_000


def test_a_server_without_a_clock_of_its_own_is_not_believed() -> None:
    clocks = ScriptedClocks()
    for utc in (0, 4_294_967_296_000):
        assert not clocks.clock(utc).trusted


def test_a_clock_that_ntp_steers_is_trusted_without_any_server() -> None:
    clocks = ScriptedClocks(system=UTC_2026)
    clocks.ntp_error = 20
    clock = clocks.clock()
    assert (clock.trusted, clock.steered, clock.utc_ms()) == (True, True, UTC_2026)


def test_a_steered_clock_outside_all_reason_is_not() -> None:
    clocks = ScriptedClocks(system=0)
    clocks.ntp_error = 20
    assert not clocks.clock().trusted


def test_when_ntp_falls_silent_its_last_word_still_holds_against_a_jump() -> None:
    clocks = ScriptedClocks(system=UTC_2026)
    clocks.ntp_error = 20
    clock = clocks.clock()
    assert clock.trusted
    clocks.ntp_error = None
    for jump in (-UTC_2026, +86_400_000):
        clocks.system += jump
        assert clock.utc_ms() == UTC_2026
        clocks.system -= jump
    clocks.forward(86_400_000)
    assert clock.utc_ms() == UTC_2026 + 86_400_000


def test_while_ntp_steers_a_server_with_another_clock_changes_nothing() -> None:
    clocks = ScriptedClocks(system=UTC_2026)
    clocks.ntp_error = 20
    clock = clocks.clock(UTC_2026 + 3_600_000)
    assert clock.utc_ms() == UTC_2026
    clocks.ntp_error = None
    assert clock.utc_ms() == UTC_2026


def test_ntp_corrects_what_a_server_had_said() -> None:
    clocks = ScriptedClocks(system=0)
    clock = clocks.clock(UTC_2026 + 3_600_000)
    clocks.system, clocks.ntp_error = UTC_2026, 20
    assert clock.utc_ms() == UTC_2026
