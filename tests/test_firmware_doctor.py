import pytest

from firmware.host.doctor import ask
from ingest.settings_file import SettingsError


class Console:
    """A board's console as a script: what it says after each question, in pieces. Reading takes a second."""

    def __init__(self, *answers: list[bytes]) -> None:
        self.time = 0.0
        self.questions: list[bytes] = []
        self._answers = list(answers)
        self._said: list[bytes] = []

    def write(self, data: bytes, /) -> int:
        self.questions.append(data)
        if self._answers:
            self._said += self._answers.pop(0)
        return len(data)

    def read(self, _: int, /) -> bytes:
        self.time += 1
        return self._said.pop(0) if self._said else b""

    def now(self) -> float:
        return self.time


def test_the_report_is_found_among_what_else_is_said() -> None:
    console = Console([b"link: Wi-Fi is gone\r\nrep", b'ort: {"unit": "raft-01"}', b"\r\nbms1: answers again\r\n"])
    assert ask(console, console.now) == {"unit": "raft-01"}
    assert console.questions == [b"\r\nreport\r\n"]


def test_a_garbled_answer_is_asked_for_again() -> None:
    console = Console([b'report: {"unit": "ra\r\n'], [b'report: [1]\r\nreport: {"unit": "raft-01"}\r\n'])
    assert ask(console, console.now) == {"unit": "raft-01"}
    assert len(console.questions) == 2


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ([], "no answer; check that this is the board's port and that the board has power"),
        ([b"report\r\nreport\r\n"], "no answer; check that this is the board's port and that the board has power"),
        (
            [b"MicroPython v1.28.0\r\n>>> report\r\nNameError\r\n>>> "],
            "the firmware does not run, the board waits at its prompt; unplug it and plug it in again",
        ),
        (
            [b"unit.json is missing; deploy it\r\n"],
            "no report, but the board says 'unit.json is missing; deploy it'; mend that, or run make flash",
        ),
        (
            [b"\x01\x04\x02\x00\ty\xb6\xff\r\n"],
            "what comes is no text, so this is no board's console, but perhaps the bus; name its port",
        ),
    ],
)
def test_no_report_is_one_line_that_says_what_came(said: list[bytes], complaint: str) -> None:
    console = Console(said)
    with pytest.raises(SettingsError) as error:
        ask(console, console.now)
    assert str(error.value) == complaint
