"""Ask a running board how it does, without stopping it.

    python -m firmware.host.doctor [--port PORT]

One line per finding: error, warning or note. Exit code 0: no error; 1: at least one; 2: no board answers.

Both DTR and RTS stay asserted while the port is open, which is how a PC opens one: on a board with the usual two
transistors that leaves EN and BOOT alone, while asserting one of them alone would reset the chip (Espressif, "Boot Mode
Selection", automatic bootloader).
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import serial

from firmware.host import ports
from firmware.host.command import in_one_line
from firmware.host.findings import ERROR, Report, judge
from ingest.settings_file import SettingsError

_QUESTION = b"\r\nreport\r\n"
_PREFIX = b"report: "
_ANSWER_WITHIN = 3
"""Seconds; a board that boots or garbles a line is asked again. One with wrong settings says so every 10 s."""
_TRIES = 4
_PROMPT = b">>> "


class Port(Protocol):
    """What is used of a serial port; `read` gives up after a while without a byte."""

    def write(self, data: bytes, /) -> int | None:
        """Send."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes."""


def ask(port: Port, now: Callable[[], float] = time.monotonic) -> Report:
    """The board's report. Raises SettingsError with what came instead."""
    heard = b""
    for _ in range(_TRIES):
        port.write(_QUESTION)
        until = now() + _ANSWER_WITHIN
        while now() < until:
            heard += port.read(256)
            report = _found(heard)
            if report is not None:
                return report
    if heard.rstrip(b"\r\n ").endswith(_PROMPT.rstrip()):
        raise SettingsError("the firmware does not run, the board waits at its prompt; unplug it and plug it in again")
    lines = [line.strip() for line in heard.decode("ascii", "replace").splitlines()]
    said = [line for line in lines if line.isascii() and line.isprintable() and line not in ("", "report")]
    if said:
        raise SettingsError(f"no report, but the board says {said[-1]!r}; mend that, or run make flash")
    if any(line not in ("", "report") for line in lines):
        raise SettingsError("what comes is no text, so this is no board's console, but perhaps the bus; name its port")
    raise SettingsError("no answer; check that this is the board's port and that the board has power")


def _found(heard: bytes) -> Report | None:
    for line in heard.split(b"\n")[:-1]:
        _, prefix, text = line.rpartition(_PREFIX)
        if prefix:
            try:
                report = json.loads(text)
            except ValueError:  # another line ran into it
                continue
            if isinstance(report, dict):
                return report
    return None


@in_one_line
def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, 1 or 2, as the module says."""
    parser = argparse.ArgumentParser(prog="python -m firmware.host.doctor", description="Ask a running board.")
    parser.add_argument("--port", default="", help="serial port of the board; the only one there is, if left out")
    options = parser.parse_args(arguments)
    name = ports.choose(options.port, ports.usb_ports())
    try:
        with serial.Serial(name, 115200, timeout=0.2, exclusive=True) as port:
            report = ask(port)
    except SettingsError as error:
        raise SettingsError(f"{name}: {error}") from None
    except OSError as error:
        raise ports.unusable(name, error) from None
    print(", firmware ".join(report.get("unit") or ["a board that does not tell its name"]))
    found = judge(report)
    for finding in found:
        print(finding.line)
    return 1 if any(finding.level == ERROR for finding in found) else 0


if __name__ == "__main__":
    sys.exit(main())
