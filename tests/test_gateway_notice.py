import logging

import pytest

from gateway.notice import Notice

LOG = logging.getLogger("test")


def test_each_absence_is_said_once_and_each_return_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    link = Notice(LOG, "link")
    for _ in range(2):
        link.away("no answer")
        link.away("no connection")
        assert link.trouble == "no connection"
        link.back()
        link.back()
        assert link.trouble is None
    assert [record.message for record in caplog.records] == ["link: no answer", "link: there"] * 2


def test_what_is_not_known_yet_is_trouble_that_nobody_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    link = Notice(LOG, "link", "not tried yet")
    assert link.trouble == "not tried yet"
    assert caplog.records == []
    link.away("no answer")
    assert [record.message for record in caplog.records] == ["link: no answer"]
