from gateway.eta import WINDOW_MS, Eta


def shrinking(per_second: int, seconds: int, pending: int = 10_000) -> Eta:
    eta = Eta()
    for second in range(seconds + 1):
        eta.note(1000 * second, pending - per_second * second)
    return eta


def test_before_it_was_seen_to_shrink_nothing_is_claimed() -> None:
    assert Eta().seconds() is None
    assert shrinking(100, 0).seconds() is None
    assert shrinking(0, 10).seconds() is None
    assert shrinking(-5, 10).seconds() is None


def test_it_is_gone_when_it_shrinks_on_like_that() -> None:
    assert shrinking(100, 10).seconds() == 90
    assert shrinking(100, 100).seconds() == 0


def test_what_is_long_ago_does_not_count() -> None:
    eta = shrinking(0, 600, 100_000)
    for second in range(WINDOW_MS // 1000 + 1):
        eta.note(601_000 + 1000 * second, 100_000 - 100 * second)
    assert eta.seconds() == (100_000 - WINDOW_MS // 10) / 100


def test_after_an_outage_it_begins_anew() -> None:
    eta = shrinking(100, 10)
    eta.restart()
    assert eta.seconds() is None


def test_it_holds_no_more_than_its_window_however_often_it_is_told() -> None:
    eta = Eta()
    for now in range(0, 2 * WINDOW_MS, 50):
        eta.note(now, 2 * WINDOW_MS - now)
    assert len(eta._seen) <= WINDOW_MS // 1000 + 1
