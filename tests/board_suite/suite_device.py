"""Runs under CPython and MicroPython; see run.py. What a poll learns of a device: its layout, and what it refuses."""

from polling import BLOCKS, BY_DAY, NAMED, SILENCE, VALUES, Cells, Profile, Rig, TwoLayouts, refusal, tracer


def test_a_firmware_may_have_none_of_an_optional_block():
    for code in (1, 2):
        rig = Rig()
        rig.bus.blocks[2, 20, 1] = refusal(code)
        for _ in range(2):
            values, error = rig.poll()
            assert "balancing" not in values and error is None and rig.said == []
        assert rig.bus.asked == [(3, 0, 2), (3, 10, 1)], "it was asked again"


def test_an_optional_block_that_fails_otherwise_is_an_error_and_is_asked_again():
    for code in (4, 6):
        rig = Rig()
        rig.bus.blocks[2, 20, 1] = refusal(code)
        for _ in range(2):
            assert rig.poll()[1] == "bms1: refuses" and rig.bus.asked[-1] == (2, 20, 1)


def test_an_optional_block_that_is_never_answered_is_left_out_and_asked_once_an_hour():
    rig = Rig()
    rig.bus.blocks[2, 20, 1] = SILENCE
    assert [rig.poll()[1] for _ in range(4)] == ["bms1: no answer"] * 2 + [None] * 2
    assert (2, 20, 1) not in rig.bus.asked and rig.device.presence.state() == "online"
    for _ in range(2):
        assert rig.poll(3600)[1] is None and rig.bus.asked[-1] == (2, 20, 1)
        assert rig.poll()[1] is None and rig.bus.asked[-1] == (3, 10, 1)
    rig.bus.blocks[2, 20, 1] = b"\x01"
    assert rig.poll(3600) == (VALUES, None)


def test_an_optional_block_that_is_answered_now_and_then_stays():
    rig = Rig()
    for data in (SILENCE, SILENCE, b"\x01") * 3:
        rig.bus.blocks[2, 20, 1] = data
        assert (rig.poll()[1] is None) == (data is not SILENCE)


def test_a_device_that_answers_nothing_has_not_left_out_an_optional_block():
    rig = Rig(Profile([(2, 20, 1)], NAMED, [(2, 20, 1)]), {(2, 20, 1): SILENCE})
    assert "bms1: no answer" in [rig.poll()[1] for _ in range(5)][-1]


def test_the_block_that_knows_better_is_heard():
    assert Rig(tracer(), BY_DAY).poll()[0] == {"stage": (7, 1), "pv_voltage": (16, 1)}


def test_a_signal_is_absent_while_the_block_that_knows_better_was_not_read():
    for unread, error in (((2, 20, 1), SILENCE), ((2, 20, 1), refusal(4)), ((4, 5, 1), SILENCE)):
        rig = Rig(tracer(), BY_DAY)
        rig.bus.blocks[unread] = error
        assert "stage" not in rig.poll()[0]


def test_a_firmware_without_the_block_that_knows_better_says_what_it_knows():
    rig = Rig(tracer(), BY_DAY)
    rig.bus.blocks[2, 20, 1] = refusal()
    for _ in range(2):
        assert rig.poll()[0]["stage"] == (2, 1)


SPLIT = {"value_0": (0, 1), "value_1": (1, 1), "value_3": (3, 1)}


def split_rig():
    """A device that refuses every span with its register 2."""
    named = {(3, address): "value_%d" % address for address in range(4)}
    blocks = {(3, 0, 2): b"\x00\x01", (3, 3, 1): b"\x03"}
    blocks[3, 0, 4] = blocks[3, 2, 2] = blocks[3, 2, 1] = refusal()
    return Rig(Profile([(3, 0, 4)], named), blocks)


def test_a_span_that_is_refused_whole_is_asked_in_halves_and_that_is_remembered():
    rig = split_rig()
    assert rig.poll() == (SPLIT, "bms1: refuses")
    assert rig.bus.asked == [(3, 0, 4), (3, 0, 2), (3, 2, 2), (3, 2, 1), (3, 3, 1)]
    assert rig.poll() == (SPLIT, "bms1: refuses") and rig.said == ["bms1: refuses"]
    assert rig.bus.asked == [(3, 0, 2), (3, 3, 1)]


def test_the_profile_itself_does_not_forget_what_one_device_refused():
    rig = split_rig()
    rig.poll()
    assert rig.device.profile.reads == [(3, 0, 4)] and rig.device.profile.optional == []


def test_a_half_of_an_optional_span_is_optional_too():
    rig = split_rig()
    rig.device.optional = [(3, 0, 4)]
    assert [rig.poll() for _ in range(2)] == [(SPLIT, None)] * 2


def test_other_refusals_divide_nothing():
    for code in (1, 3, 4, 6):
        rig = split_rig()
        rig.bus.blocks[3, 0, 4] = refusal(code)
        assert rig.poll() == ({}, "bms1: refuses") and rig.bus.asked == [(3, 0, 4)]


def test_a_device_that_comes_back_from_offline_is_asked_for_everything_anew():
    rig = split_rig()
    rig.poll()
    rig.silence()
    for _ in range(3):
        rig.poll()
    rig.restore()
    rig.bus.blocks[3, 0, 4] = b"\x00\x01\x02\x03"
    values, error = rig.poll(300)
    assert len(values) == 4 and error is None and rig.bus.asked == [(3, 0, 4)]


def test_what_was_refused_is_asked_anew_after_an_hour_without_another_refusal():
    rig = split_rig()
    rig.poll()
    rig.bus.blocks[3, 0, 4] = b"\x00\x01\x02\x03"
    for _ in range(359):
        assert rig.poll() == (SPLIT, "bms1: refuses")
    values, error = rig.poll()
    assert len(values) == 4 and error is None and rig.bus.asked == [(3, 0, 4)]


def test_what_is_refused_for_ever_costs_a_few_requests_an_hour_and_is_said_once():
    rig = split_rig()
    asked = 0
    for _ in range(3 * 60):
        rig.spool.given.clear()
        assert rig.poll(60) == (SPLIT, "bms1: refuses")
        asked += len(rig.bus.asked) - 2
    assert asked == 3 * 3 and rig.said == ["bms1: refuses"]


def test_an_optional_block_that_was_refused_is_asked_anew_too():
    rig = Rig()
    rig.bus.blocks[2, 20, 1] = refusal()
    assert "balancing" not in rig.poll()[0]
    rig.bus.blocks[2, 20, 1] = b"\x01"
    assert rig.poll(3600) == (VALUES, None)


def test_no_spread_is_computed_from_some_of_the_cells():
    for unread in (SILENCE, refusal(4), refusal()):
        rig = Rig(Cells(), {(3, 0, 2): b"\x21\x22", (3, 8, 1): b"\x63", (3, 9, 1): b"\x05"})
        assert "cell_voltage_spread" in rig.poll()[0]
        rig.bus.blocks[3, 8, 1] = unread
        assert set(rig.poll()[0]) - {"soc"} == {"cell_01_voltage", "cell_02_voltage"}


def test_a_spread_does_not_hang_on_what_is_no_cell():
    rig = Rig(Cells(), {(3, 0, 2): b"\x21\x22", (3, 8, 1): b"\x63", (3, 9, 1): SILENCE})
    assert "cell_voltage_spread" in rig.poll()[0] and "soc" not in rig.poll()[0]


def test_a_device_that_refuses_everything_is_asked_in_every_poll():
    rig = Rig(Profile([(3, 0, 1)], NAMED), {(3, 0, 1): refusal()})
    for _ in range(2):
        assert rig.poll() == ({}, "bms1: refuses") and rig.bus.asked == [(3, 0, 1)]
    rig.bus.blocks[3, 0, 1] = b"\x21"
    assert rig.poll() == ({"voltage": (33, 1)}, None)


def test_a_layout_is_settled_before_the_first_poll_and_after_each_return_from_offline():
    rig = Rig(TwoLayouts(), dict(BLOCKS))
    rig.bus.blocks.update({(3, 15, 1): b"\x00", (3, 11, 1): b"\x08"})
    for _ in range(2):
        assert rig.poll()[0]["current"] == (5, 1)
        first, then = rig.bus.asked[:2], rig.poll() and rig.bus.asked
        assert first == [(3, 15, 1), (3, 0, 2)] and then == [(3, 0, 2), (3, 10, 1)]
        rig.silence()
        while rig.device.presence.state() != "offline":
            rig.poll()
        rig.poll(300)
        assert rig.bus.asked == [(3, 15, 1)]
        rig.restore()
        rig.ticks += 300_000
    rig.bus.blocks[3, 15, 1] = b"\x01"
    assert rig.poll()[0]["current"] == (8, 1)


def test_a_layout_that_cannot_be_told_is_an_error_and_asked_again():
    for error in (SILENCE, refusal()):
        rig = Rig(TwoLayouts(), dict(BLOCKS))
        rig.bus.blocks[3, 15, 1] = error
        assert rig.poll() == ({}, str(error)) and rig.bus.asked == [(3, 15, 1)]
        rig.bus.blocks[3, 15, 1] = b"\x00"
        assert rig.poll()[0]["current"] == (5, 1)


def test_a_layout_that_the_profile_does_not_know_is_named_and_asked_again():
    rig = Rig(TwoLayouts(), dict(BLOCKS))
    rig.bus.blocks[3, 15, 1] = b"\x09"
    for _ in range(2):
        complaint = "bms1 (jk_pb, address 2): 09 is no layout that its profile knows; check the model"
        assert rig.poll() == ({}, complaint) and rig.bus.asked == [(3, 15, 1)]
