"""The emulated bus, asked through its serial port as a board would ask it."""

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hil_tests.bus import Bus
from hil_tests.faults import say
from hil_tests.frame import with_crc
from hil_tests.ledger import Exchange, PolledDevice, expected_readings
from hil_tests.verdict import StoredPoint, compare

DEADLINE = 10.0
JK_TURNAROUND = 0.032

PACK = "020312900006"
PV = "010431000008"


class Master:
    """A bare master: sends one frame and takes what came back by the time the ledger has the exchange."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.fd = os.open(bus.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self.over = 0

    def ask(self, question: str) -> bytes:
        """The bytes that followed a question, given without its CRC."""
        return self.send(with_crc(bytes.fromhex(question)))

    def send(self, octets: bytes) -> bytes:
        os.write(self.fd, octets)
        self.wait(1)
        return self.take()

    def wait(self, exchanges: int) -> Exchange:
        """Until so many more exchanges are over; the last of them."""
        self.over += exchanges
        wait_until(lambda: len(list(self.bus.ledger.exchanges())) >= self.over)
        return list(self.bus.ledger.exchanges())[-1]

    def take(self) -> bytes:
        octets = b""
        while select.select([self.fd], [], [], 0)[0]:
            octets += os.read(self.fd, 4096)
        return octets

    def close(self) -> None:
        os.close(self.fd)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with Bus(tmp_path) as running:
        yield running


@pytest.fixture
def master(bus: Bus) -> Iterator[Master]:
    asking = Master(bus)
    yield asking
    asking.close()


def test_both_devices_answer_whole_frames(master: Master) -> None:
    bms, controller = master.ask(PACK), master.ask(PV)
    assert (bms[:3], len(bms)) == (b"\x02\x03\x0c", 17)
    assert (controller[:3], len(controller)) == (b"\x01\x04\x10", 21)
    for reply in (bms, controller):
        assert with_crc(reply[:-2]) == reply


def test_settings_flags_and_names_can_be_read_too(master: Master) -> None:
    assert master.ask("01039013 0003")[2] == 6
    assert master.ask("01022000000d") == with_crc(bytes.fromhex("01020200 00"))  # by day
    assert master.ask("010331000001") == with_crc(bytes.fromhex("018302"))
    assert b"JK_PB2A16S15P" in master.ask("020314000008")
    time.sleep(JK_TURNAROUND)
    assert master.ask("02031201 0001") == with_crc(bytes.fromhex("028302"))


def test_the_ledger_has_what_was_answered(bus: Bus, master: Master) -> None:
    reply = master.ask(PACK)
    (exchange,) = bus.ledger.exchanges()
    assert exchange.intact
    assert exchange.reply == exchange.delivered == reply
    assert (exchange.device, exchange.address, exchange.function) == ("jk_pb", 2, 3)
    assert (exchange.start, exchange.count) == (0x1290, 6)
    assert abs(exchange.ended - time.time() * 1000) < 10_000
    (reading,) = expected_readings([exchange], [PolledDevice("bms1", "jk_pb", 2)])
    assert reading.values["pack_voltage"] == int.from_bytes(reply[3:7], "big") / 1000


def test_the_sun_stands_where_it_was_told(tmp_path: Path) -> None:
    voltages = []
    for hour in ("12:00", "02:00"):
        (tmp_path / hour).mkdir()
        with Bus(tmp_path / hour, start_sun=hour) as bus:
            master = Master(bus)
            voltages.append(int.from_bytes(master.ask(PV)[3:5], "big") / 100)
            master.close()
    assert voltages[0] > 60
    assert voltages[1] < 5


def test_no_one_answers_for_an_address_that_nobody_has(master: Master) -> None:
    assert master.ask("090312000001") == b""
    assert master.ask("000312000001") == b""


def test_a_question_right_after_the_bms_answered_is_not_heard(bus: Bus, master: Master) -> None:
    def asked_at_once_and_unheard() -> bool:
        return master.ask(PACK) == b"" and bus.do("counters")["jk_pb"]["unheard"] > 0

    wait_until(asked_at_once_and_unheard)
    time.sleep(JK_TURNAROUND)
    assert len(master.ask(PACK)) == 17


@pytest.mark.parametrize("function", [5, 6, 15, 16, 22, 23])
def test_a_write_is_refused_and_stands_in_the_ledger(bus: Bus, master: Master, function: int) -> None:
    for address in (1, 2):
        request = with_crc(bytes((address, function)) + bytes.fromhex("1000000102000100010001"))
        assert master.send(request) == with_crc(bytes((address, function | 0x80, 1)))
    assert [attempt.function for attempt in bus.ledger.write_attempts()] == [function, function]
    assert bus.do("counters")["jk_pb"]["write_attempts"] == 1
    assert "WRITE ATTEMPT on jk_pb" in bus.log.read_text()


@pytest.mark.parametrize("count", ["0000", "007e", "ffff"])
def test_a_count_that_modbus_does_not_know_is_exception_3(master: Master, count: str) -> None:
    assert master.ask(f"01043100{count}") == with_crc(bytes.fromhex("018403"))


def test_what_is_no_frame_is_dropped_and_the_next_question_is_answered(bus: Bus, master: Master) -> None:
    assert master.send(b"\x02\x03\x12") == b""
    assert master.send(with_crc(bytes.fromhex(PACK))[:-1] + b"\x00") == b""
    assert [exchange.fault for exchange in bus.ledger.exchanges()] == ["not a frame", "not a frame"]
    assert len(master.ask(PACK)) == 17


def test_the_port_outlives_the_board_that_closes_it(bus: Bus, master: Master) -> None:
    master.ask(PACK)
    again = Master(bus)
    again.over = 1
    master.close()
    master.fd = os.dup(again.fd)
    assert len(again.ask(PV)) == 21
    again.close()


@pytest.mark.parametrize(
    ("fault", "shape"),
    [
        ({"kind": "crc"}, lambda _, reply: len(reply) == 21 and with_crc(reply[:-2]) != reply),
        ({"kind": "drop", "at": 5}, lambda _, reply: len(reply) == 20),
        ({"kind": "truncate", "at": 7}, lambda _, reply: len(reply) == 7),
        ({"kind": "silence"}, lambda _, reply: reply == b""),
        ({"kind": "noise", "count": 9}, lambda _, reply: with_crc(reply[9:-2]) == reply[9:] and len(reply) == 30),
        ({"kind": "babble", "count": 9}, lambda _, reply: len(reply) == 9),
        ({"kind": "junk"}, lambda _, reply: reply[:1] == b"\0" and with_crc(reply[1:-2]) == reply[1:]),
        ({"kind": "echo"}, lambda request, reply: reply[:8] == request and with_crc(reply[8:-2]) == reply[8:]),
        ({"kind": "delay", "seconds": 0.1}, lambda _, reply: with_crc(reply[:-2]) == reply),
        ({"kind": "gap", "seconds": 0.1}, lambda _, reply: with_crc(reply[:-2]) == reply),
        ({"kind": "wrong_address"}, lambda _, reply: reply[:1] == b"\x02" and with_crc(reply[:-2]) == reply),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_a_fault_hits_the_next_reply_alone_and_the_ledger_knows(
    bus: Bus, master: Master, fault: dict[str, Any], shape: Callable[[bytes, bytes], bool]
) -> None:
    bus.do("fault", **fault)
    assert shape(with_crc(bytes.fromhex(PV)), master.ask(PV))
    assert len(master.ask(PV)) == 21
    harmed, healthy = bus.ledger.exchanges()
    assert harmed.fault == fault["kind"]
    assert not harmed.intact
    assert len(harmed.reply) == 21
    assert healthy.intact


def test_a_late_reply_comes_behind_the_next_one(bus: Bus, master: Master) -> None:
    bus.do("fault", kind="delay", seconds=0.5)
    os.write(master.fd, with_crc(bytes.fromhex(PACK)))
    wait_until(lambda: not bus.do("faults"))
    first = master.ask(PV)
    assert first[:2] == b"\x01\x04"
    assert master.wait(1).fault == "delay"
    assert master.take()[:2] == b"\x02\x03"


def test_a_fault_can_stand_and_can_be_for_one_device(bus: Bus, master: Master) -> None:
    bus.do("fault", kind="silence", times=None, address=1)
    assert [master.ask(PV), master.ask(PV)] == [b"", b""]
    assert len(master.ask(PACK)) == 17
    bus.do("clear_faults")
    assert len(master.ask(PV)) == 21


def test_a_cut_cable_is_silent_until_it_is_restored(bus: Bus, master: Master) -> None:
    bus.do("cut")
    assert master.ask(PV) == b""
    bus.do("restore")
    assert len(master.ask(PV)) == 21
    cut, whole = bus.ledger.exchanges()
    assert (cut.fault, cut.reply, cut.delivered) == ("cable cut", b"", b"")
    assert whole.intact


def test_one_address_of_one_device_can_fail(bus: Bus, master: Master) -> None:
    bus.do("fail", model="jk_pb", address=0x1298, exception=4)
    assert master.ask(PACK) == with_crc(bytes.fromhex("028304"))
    time.sleep(JK_TURNAROUND)
    assert len(master.ask("020312000010")) == 37
    bus.do("heal", model="jk_pb")
    time.sleep(JK_TURNAROUND)
    assert len(master.ask(PACK)) == 17


def test_a_device_can_vanish_and_come_back(bus: Bus, master: Master) -> None:
    bus.do("vanish", model="epever_tracer")
    assert master.ask(PV) == b""
    assert len(master.ask(PACK)) == 17
    bus.do("come_back", model="epever_tracer")
    assert len(master.ask(PV)) == 21
    assert bus.do("counters")["epever_tracer"]["requests"] == 1


def test_what_an_honest_master_stores_is_judged_clean_and_what_another_forgets_is_not(bus: Bus, master: Master) -> None:
    stored = []
    for fault in ("crc", "silence", "drop", "junk", "wrong_address", "truncate"):
        bus.do("fault", kind=fault, address=2)
        for _ in range(2):
            time.sleep(JK_TURNAROUND)
            reply = master.ask(PACK)
            if reply[:3] == b"\x02\x03\x0c" and with_crc(reply[:-2]) == reply:
                pack, current = int.from_bytes(reply[3:7], "big"), int.from_bytes(reply[11:15], "big", signed=True)
                values = {"pack_voltage": pack / 1000, "current": current / 1000}
                stored.append(StoredPoint("bms1", round(time.time() * 1000), values))
    expected = expected_readings(bus.ledger.exchanges(), [PolledDevice("bms1", "jk_pb", 2)])
    assert len(stored) == 6
    assert compare(expected, stored).clean
    forgotten = compare(expected, stored[1:])
    assert (len(forgotten.lost), len(forgotten.matched)) == (1, 5)


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ({"verb": "explode"}, "the bus cannot 'explode'; it can clear_faults, come_back"),
        ({"verb": "fault", "kind": "gremlin"}, "fault 'gremlin' is unknown; there is crc, drop"),
        ({"verb": "vanish", "model": "daly"}, "no device 'daly' on this bus; there is jk_pb, epever_tracer"),
        ({"verb": "cut", "deep": True}, "deep"),
    ],
)
def test_a_wrong_command_is_named_and_harms_nothing(
    bus: Bus, master: Master, command: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        bus.do(**command)
    assert len(master.ask(PV)) == 21


@pytest.mark.parametrize(
    ("line", "sentence"),
    [(b"{", "Expecting"), (b"[]", "'do' is missing"), (b"{}", "'do' is missing"), (b'{"do": 1}', "cannot 1")],
)
def test_a_line_that_is_no_command_is_answered_too(bus: Bus, master: Master, line: bytes, sentence: str) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(DEADLINE)
        connection.connect(str(bus.port.parent / "bus.sock"))
        connection.sendall(line + b"\n")
        assert sentence in json.loads(connection.recv(4096))["error"]
    assert len(master.ask(PV)) == 21


def test_stopping_takes_the_port_away(tmp_path: Path) -> None:
    bus = Bus(tmp_path).start()
    assert bus.port.is_symlink()
    bus.stop()
    bus.stop()
    assert not bus.port.is_symlink()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--baudrate", "12"], "--baudrate 12 is too slow for Modbus"),
        (["--devices", "jk_pb,victron"], "--devices victron is unknown; there is jk_pb, epever_tracer"),
        (["--start-sun", "noon"], "sun time 'noon' is not a time of day; write it as HH:MM"),
        (["--speed", "0"], "--speed 0.0 must be above 0"),
        (["--ledger", "/nowhere/at/all"], "there is no folder /nowhere/at"),
        (["--master", "/dev/null"], "--master /dev/null exists"),
        (["--control", f"./{'long' * 30}"], "is too long for a socket; at most 107 bytes"),
        (["--seed", "x"], "argument --seed: invalid int value: 'x'"),
    ],
)
def test_a_wrong_option_ends_in_one_sentence(tmp_path: Path, options: list[str], sentence: str) -> None:
    paths = [f"--{name}={tmp_path / name}" for name in ("master", "ledger", "control")]
    command = [sys.executable, "-m", "hil_tests.bus", *paths, *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert ended.returncode == 2
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_master_hears_what_another_one_was_answered(bus: Bus, master: Master) -> None:
    say(bus.port, "010432010001")
    assert master.wait(1).fault is None
    assert master.take()[:3] == b"\x01\x04\x02"
    assert len(master.ask(PV)) == 21
