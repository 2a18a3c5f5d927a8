import pytest

from gateway.link import LARGEST, LONGEST_TIMEOUT, SHORTEST_TIMEOUT, SMALLEST, START, TARGET_SECONDS, Link


def carry(link: Link, bytes_per_second: int, requests: int, delay: float = 0.0) -> None:
    """Requests as large as they may be, over a link that carries so much and is so far away."""
    for _ in range(requests):
        link.carried(link.batch, delay + link.batch / bytes_per_second)


@pytest.mark.parametrize("bytes_per_second", [2_000, 20_000, 200_000])
def test_a_request_comes_to_take_the_time_it_should(bytes_per_second: int) -> None:
    link = Link()
    carry(link, bytes_per_second, 20)
    assert link.batch / bytes_per_second == pytest.approx(TARGET_SECONDS, rel=0.05)
    assert not link.is_fast


def test_a_link_that_carries_all_in_time_gets_the_largest_requests() -> None:
    link = Link()
    carry(link, 10_000_000, 7, delay=0.6)
    assert link.batch == LARGEST
    assert link.is_fast


def test_the_first_request_is_small_and_so_is_the_first_after_an_outage() -> None:
    link = Link()
    assert link.batch == START
    carry(link, 10_000_000, 10)
    link.lost(0)
    assert link.batch == START
    link.lost(START)
    assert link.batch == START / 2


def test_it_follows_a_link_that_gets_thin_and_never_below_the_smallest() -> None:
    link = Link()
    carry(link, 10_000_000, 10)
    carry(link, 1_000, 30)
    assert link.batch == SMALLEST
    assert link.timeout == pytest.approx(4 * SMALLEST / 1_000)


def test_a_small_request_does_not_show_what_could_be_carried() -> None:
    link = Link()
    for _ in range(20):
        link.carried(200, 0.01)
    assert link.batch == START


def test_what_was_too_large_once_is_not_tried_again() -> None:
    link = Link()
    carry(link, 10_000_000, 10)
    link.too_large(link.batch)
    carry(link, 10_000_000, 10)
    assert link.batch == LARGEST / 2


def test_trouble_makes_requests_smaller() -> None:
    link = Link()
    link.troubled(START)
    assert link.batch == START / 2


def test_a_slow_database_is_waited_for_longer_and_a_dead_link_is_not() -> None:
    link = Link()
    assert link.timeout == SHORTEST_TIMEOUT
    for _ in range(10):
        link.slow_answer()
    assert link.timeout == LONGEST_TIMEOUT
    link.lost(0)
    assert link.timeout == SHORTEST_TIMEOUT
