"""TLS between the board and a real mosquitto: the real firmware on the rig's board, real certificates."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hil_tests.certificates import Authority, Certificate
from hil_tests.raft import DEADLINE, PASSWORD, Raft
from hil_tests.scripted_gateway import ScriptedGateway
from hil_tests.services import Mosquitto

USERS = {"gateway": "gateway-secret", "raft-01": PASSWORD}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "village")


@contextmanager
def started(folder: Path, served: Certificate, trusted: Path, name: str = "gateway") -> Iterator[Raft]:
    """A unit whose broker shows the certificate `served`, and whose settings name `trusted` and the host `name`."""
    (folder / "tls").mkdir()
    with Raft(folder) as raft, Mosquitto(folder / "tls", USERS, (served.certificate, served.key)) as broker:
        raft.start(port=broker.port, broker=f'ca = "{trusted}"\nname = "{name}"')
        yield raft


def test_readings_arrive_over_tls(tmp_path: Path, authority: Authority) -> None:
    served = authority.sign("gateway")
    (tmp_path / "tls").mkdir()
    with Raft(tmp_path) as raft, Mosquitto(tmp_path / "tls", USERS, (served.certificate, served.key)) as broker:
        raft.start(port=broker.port, broker=f'ca = "{authority.certificate}"\nname = "gateway"')
        raft.board.console.wait_for("link: connected to the broker", DEADLINE)
        with ScriptedGateway(broker.port, "gateway-secret", "raft-01", authority.certificate) as gateway:
            gateway.wait_for(lambda gateway: len(gateway.stored()) >= 9, DEADLINE, "nine readings")


def test_a_certificate_of_another_ca_is_refused(tmp_path: Path, authority: Authority) -> None:
    stranger = Authority(tmp_path / "stranger", "stranger")
    with started(tmp_path, stranger.sign("gateway"), authority.certificate) as raft:
        check_refused(raft, "not correctly signed by the trusted CA")


def test_a_certificate_for_another_host_is_refused(tmp_path: Path, authority: Authority) -> None:
    with started(tmp_path, authority.sign("another"), authority.certificate) as raft:
        check_refused(raft, "does not match with the expected CN")


def test_a_certificate_that_has_expired_is_refused(tmp_path: Path, authority: Authority) -> None:
    with started(tmp_path, authority.sign("gateway", expired=True), authority.certificate) as raft:
        check_refused(raft, "validity has expired")


def test_a_broker_without_tls_is_not_taken_for_one(tmp_path: Path, authority: Authority) -> None:
    with Raft(tmp_path) as raft:
        raft.start(broker=f'ca = "{authority.certificate}"\nname = "gateway"')
        raft.board.console.wait_for("readings are kept", DEADLINE)
        assert "Traceback" not in raft.board.console.text()
        assert not raft.gateway.statuses()


def check_refused(raft: Raft, why: str) -> None:
    raft.board.console.wait_for("link: broker's certificate is refused: ", DEADLINE)
    raft.board.console.wait_for("\n", DEADLINE)
    line = next(line for line in raft.board.console.text().splitlines() if "certificate is refused" in line)
    assert why in line
    assert "see ca and name in [broker] of the unit's settings; readings are kept" in line
    assert "Traceback" not in raft.board.console.text()
