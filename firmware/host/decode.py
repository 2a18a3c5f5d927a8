"""Print the signals in one captured reply, read by the very code that runs on the board.

    python -m firmware.host.decode --device jk_pb --request HEX --response HEX

Prints one JSON object: the signals and details of the device's profile that lie in that reply. A 32-bit register cut by the
span has no value; the word that is there is shown as `NAME_low_word` or `NAME_high_word`. An exception reply prints
`{"exception": CODE}`. Exit code 1: the reply is damaged or another's; 2: something in the command is wrong.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from firmware.board import rtu
from firmware.board.decode import Profile, to_json
from firmware.host import identification
from firmware.host.profile import DeviceProfile, Register, load
from firmware.host.table import SettingError


def decoded(profile: DeviceProfile, request: bytes, response: bytes) -> str:
    """The JSON object. Raises ValueError for a request that is none, BadReply for a reply that does not fit it."""
    try:
        if identification.asks(request):
            return to_json(identification.objects(request, response))
        _, function, start, count = rtu.question(request)
        registers = (*profile.signals, *profile.details)
        halves = _cut(registers, function, start, count, profile)
        board = Profile(profile.compiled((*registers, *halves)))
        return to_json(board.decode(function, start, count, rtu.payload(request, response)))
    except rtu.DeviceException as exception:
        return to_json({"exception": (exception.code, 0)})


def _cut(
    registers: Sequence[Register], function: int, start: int, count: int, profile: DeviceProfile
) -> Iterator[Register]:
    """The one word that is in the span of each 32-bit register that the span cuts."""
    step = profile.limits.address_step
    span = range(start, start + count * step, step)
    order = ("low_word", "high_word") if profile.low_word_first else ("high_word", "low_word")
    for register in registers:
        words = (register.address, register.address + step)
        inside = [address in span for address in words]
        if register.function == function and register.type.endswith("32") and any(inside) and not all(inside):
            yield replace(
                register,
                address=words[inside.index(True)],
                name=f"{register.name}_{order[inside.index(True)]}",
                type="u16",
                words=1,
                decimals=0,
                absent=None,
                mask=None,
                shift=None,
            )


def _bytes(option: str, text: str) -> bytes:
    try:
        return bytes.fromhex(text.replace(":", " "))
    except ValueError:
        raise SettingError(f"--{option} {text!r} is no hex; give pairs of hex digits, such as 01 03 12 00") from None


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
    except SettingError as error:
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
