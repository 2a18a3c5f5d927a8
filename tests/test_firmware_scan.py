"""The scan's logic on buses in memory. hil_tests/test_scan.py scans the emulated bus."""

import struct
from dataclasses import dataclass, field

import pytest

from firmware.host.bridge import Format
from firmware.host.profile import known_models, load
from firmware.host.scan import Found, Scan, main, steps
from hil_tests.frame import with_crc

FAST = Format(115200, "N", 1)
SLOW = Format(9600, "N", 1)


@dataclass
class Slave:
    """Stands in for a device: registers and bits (all 0) by function; anything else is refused with exception 2."""

    line: Format
    address: int
    registers: dict[tuple[int, int], int]
    texts: bytes = b""

    def answer(self, question: bytes) -> bytes:
        address, function, start, count = struct.unpack(">BBHH", question[:6])
        if function == 0x2B:
            return (
                with_crc(bytes((address, 0x2B, 0x0E, 1, 1, 0, 0, 1, 0, len(self.texts))) + self.texts)
                if self.texts
                else b""
            )
        words = [self.registers.get((function, register)) for register in range(start, start + count)]
        if None in words:
            return with_crc(bytes((address, function | 0x80, 2)))
        if function == 2:
            return with_crc(bytes((address, 2, (count + 7) // 8)) + bytes((count + 7) // 8))
        data = b"".join(struct.pack(">H", word) for word in words)
        return with_crc(bytes((address, function, len(data))) + data)


@dataclass
class Wire:
    """Stands in for a bridge. Another master's `talk` follows each question; question number `deaf` is lost."""

    slaves: list[Slave]
    talk: bytes = b""
    echo: bool = False
    deaf: int = 0
    questions: list[tuple[Format, bytes, bytes]] = field(default_factory=list)
    name: str = "the wire"

    def ask(self, line: Format, question: bytes, expected: bytes, wait_ms: int) -> bytes:
        assert wait_ms > 0
        self.questions.append((line, question, expected))
        if len(self.questions) == self.deaf:
            return b""
        heard = question if self.echo else b""
        for slave in self.slaves:
            if (slave.line, slave.address) == (line, question[0]):
                heard += slave.answer(question)
        return heard + self.talk


def tracer(**changed: int) -> dict[tuple[int, int], int]:
    """An EPEver Tracer at night, with 52.00 V of battery: every register of its poll, from its document."""
    blocks = load("epever_tracer").reads()
    words = {(block.function, block.address + offset): 0 for block in blocks for offset in range(block.count)}
    words[4, 0x331A] = words[4, 0x3104] = changed.get("battery", 5200)
    return words


def scan(wire: Wire, *models: str, every_address: bool = False) -> tuple[list[Found], Scan]:
    planned = steps([load(model) for model in models or known_models()], every_address=every_address)
    scanning = Scan(wire, sleep=lambda _: None)
    return list(scanning.run(planned)), scanning


def test_a_model_is_recognised_at_its_format_and_address() -> None:
    found, scanning = scan(Wire([Slave(FAST, 1, tracer())]))
    assert found == [Found(FAST, 1, ("epever_tracer",))]
    assert str(found[0]) == "address 1 at 115200 baud 8N1: epever_tracer"
    assert scanning.noisy == 0


def test_nothing_is_found_on_an_empty_bus() -> None:
    assert scan(Wire([]))[0] == []


def test_a_lost_reply_is_asked_for_again() -> None:
    wire = Wire([Slave(FAST, 1, tracer())], deaf=3)
    assert scan(wire, "epever_tracer")[0] == [Found(FAST, 1, ("epever_tracer",))]
    assert wire.questions[2] == wire.questions[3]


def test_values_that_cannot_be_are_another_model() -> None:
    found, _ = scan(Wire([Slave(FAST, 1, tracer(battery=65_000))]), "epever_tracer")
    assert [(each.address, each.models) for each in found] == [(1, ())]
    assert "answers, but is no known model (epever_tracer: battery_voltage would be 650 V" in str(found[0])


def test_a_device_whose_layout_cannot_be_told_is_not_taken_for_that_model() -> None:
    (found,), _ = scan(Wire([Slave(SLOW, 5, {(3, 15): 0})]), "pace")
    assert (found.models, found.others) == ((), ("pace: 0000 from 0x000F on is none of its layouts",))


def test_an_unknown_device_is_named_with_what_it_says_of_itself() -> None:
    found, _ = scan(Wire([Slave(SLOW, 3, {(3, 0): 7}, texts=b"Acme")]), "renogy_rover")
    assert [(each.address, each.models) for each in found] == [(3, ())]
    assert "renogy_rover: refuses 35 from 0x0100 with function 3: exception 2" in str(found[0])
    assert "vendor_name 'Acme'" in str(found[0])


def test_a_device_that_fits_two_models_is_said_to() -> None:
    assert str(Found(SLOW, 1, ("pace", "renogy_rover"))).endswith(
        "pace or renogy_rover: fits more than one; its name plate decides"
    )


def test_bytes_that_are_no_answer_are_noise_and_an_echo_is_not() -> None:
    _, quiet = scan(Wire([Slave(FAST, 1, tracer())], echo=True))
    assert quiet.noisy == 0
    found, noisy = scan(Wire([], talk=with_crc(bytes((7, 3, 2, 0, 1)))), "epever_tracer")
    assert (found, noisy.noisy, noisy.noise[:5]) == ([], 16, bytes((7, 3, 2, 0, 1)))


def test_only_what_reads_is_asked() -> None:
    wire = Wire([Slave(FAST, 1, tracer()), Slave(SLOW, 3, {(3, 0): 7})])
    scan(wire)
    assert {question[1] for _, question, _ in wire.questions} <= {1, 2, 3, 4, 0x2B}


def test_a_reply_is_awaited_from_the_address_that_it_carries() -> None:
    """Daly answers 0x81 from 0x51, and 0xD2 from there."""
    wire = Wire([])
    scan(wire, "daly")
    pairs = {question[0]: expected[0] for _, question, expected in wire.questions}
    assert (pairs[0x81], pairs[0x82], pairs[0xD2]) == (0x51, 0x52, 0xD2)


def test_the_usual_addresses_come_first_and_all_cover_every_one() -> None:
    usual = [step.address for step in steps([load("epever_tracer")], every_address=False)]
    every = [step.address for step in steps([load("epever_tracer")], every_address=True)]
    daly = [step for step in steps([load("daly"), load("renogy_rover")], every_address=True) if step.address == 0xD2]
    assert [[profile.model for profile in step.profiles] for step in daly] == [["daly", "renogy_rover"]]
    assert usual == list(range(1, 17))
    assert every == list(range(1, 248))
    for model in known_models():
        profile = load(model)
        asked = [step.address for step in steps([profile], every_address=True)]
        assert len(asked) == len(set(asked)), model
        assert set(asked) == {address for address in range(256) if profile.layout_at(address)}, model
        assert {layout.lowest for layout in profile.layouts if layout.lowest in asked and not profile.probe} <= {
            step.address for step in steps([profile], every_address=False)
        }


def test_each_baud_rate_is_scanned_with_the_models_that_use_it() -> None:
    for step in steps([load(model) for model in known_models()], every_address=False):
        assert step.profiles
        for profile in step.profiles:
            assert profile.baudrate == step.baudrate


def test_addresses_that_are_named_are_the_only_ones_usual_or_not() -> None:
    planned = steps([load("epever_tracer"), load("daly")], every_address=False, only=[2, 200])
    assert [(step.baudrate, step.address, len(step.profiles)) for step in planned] == [(115200, 2, 1), (115200, 200, 1)]


def test_a_device_that_hears_both_formats_is_found_once_in_its_own() -> None:
    rover = {(3, register): 0 for register in range(0x100, 0x123)}
    both = [Slave(line, 5, rover) for line in (SLOW, Format(9600, "N", 2))]
    found, _ = scan(Wire(both), "morningstar_tristar", "renogy_rover")
    assert [(each.line, each.models) for each in found] == [(SLOW, ("renogy_rover",))]


def test_an_address_that_no_model_has_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "nowhere", "--model", "daly", "--address", "3"]) == 2
    assert capsys.readouterr().err == "no daly has address 3; leave ADDRESS or MODEL out\n"
