"""The rig's servers do what the other tests rely on, and say in one line when they cannot."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from hil_tests.services import HOST, InfluxDB, Mosquitto, Service, ServiceError, http_request

DEADLINE = 5.0
USERS = {"gateway": "secret-of-the-gateway", "raft-01": "secret-of-raft-01", "raft-02": "secret-of-raft-02"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker"), USERS) as server:
        yield server


class Listener(Client):
    """An MQTT client that puts what it hears into `heard`, beginning with the broker's answer to its connecting."""

    def __init__(self, user: str | None, password: str | None) -> None:
        super().__init__(CallbackAPIVersion.VERSION2)
        self.heard: Queue[str] = Queue()
        self.username_pw_set(user, password)
        self.on_connect = self._connected
        self.on_subscribe = lambda *_: self.heard.put("subscribed")
        self.on_message = self._message

    def listen(self, *topics: str) -> None:
        """Returns when the broker has taken the subscriptions."""
        self.subscribe([(topic, 1) for topic in topics])
        assert self.heard.get(timeout=DEADLINE) == "subscribed"

    def _connected(self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.heard.put(str(reason))

    def _message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        self.heard.put(f"{message.topic} {message.payload.decode()}")


@contextmanager
def connected(broker: Mosquitto, user: str | None, password: str | None = None) -> Iterator[Listener]:
    listener = Listener(user, password or USERS.get(user or ""))
    listener.connect(HOST, broker.port)
    listener.loop_start()
    try:
        yield listener
    finally:
        listener.disconnect()
        listener.loop_stop()


@pytest.mark.parametrize(("user", "password"), [(None, None), ("raft-01", "wrong"), ("nobody", "secret")])
def test_the_broker_lets_nobody_in_without_a_password(
    broker: Mosquitto, user: str | None, password: str | None
) -> None:
    with connected(broker, user, password) as client:
        assert client.heard.get(timeout=DEADLINE) == "Not authorized"


def test_a_unit_is_heard_only_below_its_own_topic(broker: Mosquitto) -> None:
    with connected(broker, "gateway") as gateway, connected(broker, "raft-01") as unit:
        assert gateway.heard.get(timeout=DEADLINE) == unit.heard.get(timeout=DEADLINE) == "Success"
        gateway.listen("powerunit/v1/+/reading")
        for topic in ("powerunit/v1/raft-02/reading", "powerunit/v1/raft-01/reading"):
            unit.publish(topic, "from raft-01", qos=1).wait_for_publish(DEADLINE)
        assert gateway.heard.get(timeout=DEADLINE) == "powerunit/v1/raft-01/reading from raft-01"
        assert gateway.heard.empty()


def test_a_unit_hears_only_its_own_acknowledgements(broker: Mosquitto) -> None:
    with connected(broker, "gateway") as gateway, connected(broker, "raft-01") as unit:
        assert gateway.heard.get(timeout=DEADLINE) == unit.heard.get(timeout=DEADLINE) == "Success"
        unit.listen("powerunit/v1/+/ack", "powerunit/v1/raft-01/ack")
        for name in ("raft-02", "raft-01"):
            gateway.publish(f"powerunit/v1/{name}/ack", name, qos=1).wait_for_publish(DEADLINE)
        assert unit.heard.get(timeout=DEADLINE) == "powerunit/v1/raft-01/ack raft-01"


class Absent(Service):
    program = "no-such-server"
    debian_package = "no-such-package"

    def arguments(self) -> Sequence[str]:
        return []


class Stubborn(Service):
    program = "false"
    debian_package = "coreutils"

    def arguments(self) -> Sequence[str]:
        return []


def test_a_missing_program_names_its_debian_package(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"^no-such-server is not installed; apt-get install no-such-package$"):
        Absent(tmp_path).start()


def test_a_server_that_ends_at_once_says_so(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"^false ended with 1, its log says: nothing$"):
        Stubborn(tmp_path).start()


def test_a_server_is_ended_with_its_block_and_nothing_else_is(tmp_path: Path) -> None:
    with InfluxDB(tmp_path) as influxdb:
        pid = influxdb.pid
        assert http_request(influxdb.port, "GET", "/ping")[0] == 204
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ServiceError, match="influxd is not running"):
        _ = influxdb.pid


def test_a_frozen_server_can_still_be_stopped(tmp_path: Path) -> None:
    with InfluxDB(tmp_path) as influxdb:
        pid = influxdb.pid
        influxdb.freeze()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_query_that_the_database_does_not_understand_is_an_error(tmp_path: Path) -> None:
    with InfluxDB(tmp_path) as influxdb, pytest.raises(ServiceError, match="influxd does not answer SELECT nonsense"):
        influxdb.query("SELECT nonsense")
