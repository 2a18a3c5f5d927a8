"""The month that the dashboards, the alerts and the trial's report are shown."""

import time
from collections.abc import Iterator

import pytest

from hil_tests.month import Month, write_month
from hil_tests.services import InfluxDB


@pytest.fixture(scope="session")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    """Thirty days until the last full hour, written once; nobody writes into them."""
    with InfluxDB(tmp_path_factory.mktemp("month")) as server:
        yield write_month(server, end=time.time())
