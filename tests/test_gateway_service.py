import threading
from pathlib import Path

import pytest

from gateway.page.app import bind
from gateway.receive import Receiver
from gateway.service import Service
from gateway.settings import BrokerSettings, Settings
from ingest.influxdb1 import Influxdb1Settings
from tests.gateway_stand_ins import RecordingDisk


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Nobody listens on port 1, neither as broker nor as database."""
    return Settings(
        site="rig",
        broker=BrokerSettings("127.0.0.1", 1, "gateway", "secret"),
        journal_folder=tmp_path,
        journal_limit=16_000_000,
        commit_interval=1,
        forward_interval=1,
        database=Influxdb1Settings("http://127.0.0.1:1", "powerunit"),
        page_host="127.0.0.1",
        page_port=0,
    )


def run(settings: Settings, stop: threading.Event) -> int:
    with bind(settings.page_host, settings.page_port) as page:
        return Service(settings, RecordingDisk(), page, stop).run()


def test_it_ends_in_order_without_broker_and_database(settings: Settings) -> None:
    stop = threading.Event()
    stop.set()
    assert run(settings, stop) == 0


def test_it_does_not_limp_on_without_one_of_its_threads(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Receiver, "run", lambda _self: None)
    assert run(settings, threading.Event()) == 1
    assert "'receive'" in caplog.text
