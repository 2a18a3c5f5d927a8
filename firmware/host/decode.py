"""Print the signals in one captured reply, read by the very code that runs on the board.

    python -m firmware.host.decode --device jk_pb --request HEX --response HEX

Prints one JSON object: the signals and details of the device's profile that lie in that reply. A register that none
of them tells in full is also shown as it is, such as `"register_310f": 0`: one word of a 32-bit value that the span
cuts, the number behind a word, a register that no document knows. An exception reply prints `{"exception": CODE}`.

Exit code 1: the reply is damaged or another's; 2: something in the command is wrong.
"""

import argparse
import sys
from collections.abc import Sequence

from firmware.board import rtu
from firmware.board.decode import Profile, to_json
from firmware.host import identification
from firmware.host.profile import DeviceProfile, Register, load
from ingest.settings_file import SettingsError


def decoded(profile: DeviceProfile, request: bytes, response: bytes) -> str:
    """The JSON object. Raises ValueError for a request that is none, BadReply for a reply that does not fit it."""
    try:
        if identification.asks(request):
            return to_json(identification.objects(request, response))
        _, function, start, count = rtu.question(request)
        registers = (*profile.signals, *profile.details, *_untold(profile, function, start, count))
        board = Profile(profile.compiled(registers))
        return to_json(board.decode(function, start, count, rtu.payload(request, response)))
    except rtu.DeviceException as exception:
        return to_json({"exception": (exception.code, 0)})


def _untold(profile: DeviceProfile, function: int, start: int, count: int) -> list[Register]:
    """The registers of the span that no number, flag or text of the profile tells in full."""
    if function not in (3, 4):
        return []
    step = profile.limits.address_step
    span = range(start, start + count * step, step)
    told: set[int] = set()
    for register in (*profile.signals, *profile.details):
        words = range(register.address, register.address + register.words * step, step)
        whole = register.mask is None and register.values is None and all(word in span for word in words)
        if register.function == function and whole:
            told.update(words)
    return [Register(function, word, f"register_{word:04x}", "u16", 1) for word in span if word not in told]


def _bytes(option: str, text: str) -> bytes:
    try:
        return bytes.fromhex(text.replace(":", " "))
    except ValueError:
        raise SettingsError(f"--{option} {text!r} is no hex; give pairs of hex digits, such as 01 03 12 00") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, 1 or 2, as the module says."""
    parser = argparse.ArgumentParser(
        prog="python -m firmware.host.decode", description="Print the signals in one reply."
    )
    parser.add_argument("--device", required=True, metavar="MODEL", help="device profile, such as jk_pb")
    parser.add_argument("--request", required=True, metavar="HEX", help="the frame that was asked, with its CRC")
    parser.add_argument("--response", required=True, metavar="HEX", help="the frame that came back, with its CRC")
    options = parser.parse_args(arguments)
    try:
        profile = load(options.device)
        request = _bytes("request", options.request)
        response = _bytes("response", options.response)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        print(decoded(profile, request, response))
    except rtu.BadReply as error:
        print(f"response: {error}", file=sys.stderr)
        return 1
    except ValueError as error:
        print(f"request: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
