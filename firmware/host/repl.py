"""A board's raw REPL, over mpremote's serial transport: programs of ours, run instead of the firmware.

Opening it stops the firmware, which writes its spool to flash on the way out. The firmware's watchdog runs on: a board
that is left alone starts the firmware again within its two minutes.
"""

import contextlib
import io
import struct
from collections.abc import Iterator

from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from ingest.settings_file import SettingsError

_TRY = 5
"""Seconds that a board gets to answer before it is asked again."""


class NoBoardError(SettingsError):
    """What hangs on the port does not answer as MicroPython does."""


class FailedError(SettingsError):
    """The board answered, and what it ran ended with an exception."""


class Repl:
    """Runs programs on the board that `opened` found."""

    def __init__(self, port: str, transport: SerialTransport) -> None:
        self._port = port
        self._transport = transport

    def run(self, program: str) -> str:
        """What the program prints. Raises FailedError with the board's exception, NoBoardError when it is gone."""
        with _told(self._port):
            printed: bytes = self._transport.exec(program)
            return printed.decode(errors="replace").strip()

    def write(self, path: str, content: bytes) -> None:
        """Write a file so that a power cut leaves the old one or the new one."""
        with _told(self._port):
            self._transport.fs_writefile(f"{path}.new", content)
            self._transport.exec(f"import os\nos.rename({path + '.new'!r}, {path!r})")

    def sha256(self, path: str) -> str | None:
        """Of a file on the board; None when it is not there."""
        with _told(self._port):
            if not self._transport.fs_exists(path):
                return None
            digest: bytes = self._transport.fs_hashfile(path, "sha256")
            return digest.hex()

    def reset(self) -> None:
        """Start the board anew, as if its button was pressed, also out of a program that still runs.

        Nothing can be run afterwards.
        """
        with _told(self._port):
            self._transport.enter_raw_repl(soft_reset=False)
            self._transport.exec_raw_no_follow("import machine\nmachine.reset()")


@contextlib.contextmanager
def opened(port: str, seconds: int) -> Iterator[Repl]:
    """The board at `port`, which has `seconds` to answer. Raises NoBoardError."""
    with _told(port):
        transport = SerialTransport(port, timeout=_TRY)
    try:
        with _told(port):
            _enter(transport, seconds)
        yield Repl(port, transport)
    finally:
        with contextlib.suppress(OSError):  # a board that was unplugged
            transport.close()


def _enter(transport: SerialTransport, seconds: int) -> None:
    for tries_left in reversed(range(max(1, seconds // _TRY))):
        try:
            transport.enter_raw_repl(timeout_overall=_TRY)
            break
        except TransportError:
            if not tries_left:
                raise


@contextlib.contextmanager
def _told(port: str) -> Iterator[None]:
    """One line for a person instead of what mpremote and pyserial raise."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # mpremote shows there what came instead of the prompt
            yield
    except TransportExecError as error:
        reason = (error.error_output.strip().splitlines() or ["no reason given"])[-1]
        raise FailedError(f"{port}: the board says {reason}") from None
    except (TransportError, struct.error, OSError) as error:  # struct: the board went silent within a handshake
        hint = "check cable and port, and that nothing else uses it"
        raise NoBoardError(f"{port}: no answer from MicroPython ({error}); {hint}") from None
