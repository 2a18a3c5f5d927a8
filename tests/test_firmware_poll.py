"""What holds for every profile; how the poller works is in board_suite/suite_{poll,device,round}.py."""

import pytest

from firmware.board.rtu import reply_length
from firmware.host.profile import known_models, load

BUDGET = 5000
"""Milliseconds that the board gives a device in each round, as docs/decisions/022 promises."""
CHARACTER = 11_000
"""Bits that a character takes on the wire at most, times 1000: over the baud rate that is milliseconds."""
REQUEST = 8


@pytest.mark.parametrize("model", known_models())
def test_a_device_that_answers_everything_just_in_time_keeps_within_its_budget(model: str) -> None:
    compiled = load(model).compiled()
    needed = 0
    for function, _, count in compiled["reads"]:
        characters = REQUEST + reply_length(function, count)
        needed += compiled["gap_ms"] + compiled["timeout_ms"] + characters * CHARACTER // compiled["baudrate"] + 2
    assert 0 < needed <= BUDGET
