from collections.abc import Callable

import pytest

from gateway.ntp import STA_UNSYNC, TIME_ERROR, Timex, adjtimex, ntp_error_ms


def kernel(state: int, status: int, maxerror: int) -> Callable[[Timex], int]:
    """Stands in for adjtimex(2)."""

    def answer(timex: Timex) -> int:
        timex.status, timex.maxerror = status, maxerror
        return state

    return answer


def test_a_clock_that_ntp_steers_is_as_good_as_the_kernel_says() -> None:
    assert ntp_error_ms(kernel(state=0, status=0x2001, maxerror=12_001)) == 13


@pytest.mark.parametrize(("state", "status"), [(TIME_ERROR, STA_UNSYNC), (0, STA_UNSYNC), (TIME_ERROR, 0), (-1, 0)])
def test_a_clock_that_it_does_not_steer_is_not_believed(state: int, status: int) -> None:
    assert ntp_error_ms(kernel(state, status, maxerror=0)) is None


def test_the_real_kernel_answers_and_its_state_fits_its_status() -> None:
    timex = Timex()
    state = adjtimex(timex)
    assert 0 <= state <= TIME_ERROR
    assert (state == TIME_ERROR) >= bool(timex.status & STA_UNSYNC)
    assert 0 <= timex.maxerror <= 16_000_000
    assert timex.modes == 0
