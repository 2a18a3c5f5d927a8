"""Print the signals in one captured reply, read by the very code that runs on the board.

    python -m firmware.host.decode --device jk_pb --request HEX --response HEX

Prints one JSON object: the signals and details of the device's profile that lie in that reply. A register that none
of them tells in full is also shown as it is, such as `"register_310f": 0`: one word of a 32-bit value that the span
cuts, the number behind a word, a register that no document knows. An exception reply prints `{"exception": CODE}`.

Where a model has several layouts, slave address or reply tell which one it is, and `--layout NAME` where they do not.

Exit code 1: the reply is damaged or another's; 2: something in the command is wrong.
"""

import argparse
import json
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

from firmware.board import rtu
from firmware.board.decode import Profile, decimal
from firmware.host import identification
from firmware.host.plan import Block
from firmware.host.profile import DeviceProfile, Layout, load
from firmware.host.register import Register
from ingest.settings_file import SettingsError


def decoded(profile: DeviceProfile, request: bytes, response: bytes, layout_name: str | None = None) -> str:
    """The JSON object. Raises ValueError for a request that is none, BadReply for a reply that does not fit it.

    Of several layouts the named one is taken, or the one that slave address or reply tell, or the one that knows most
    of the registers.
    """
    try:
        if identification.asks(request):
            return to_json(identification.objects(request, response))
        address, function, start, count = question(request)
        read = Block(function, start, count)
        layouts = _possible(profile, address, layout_name)
        offset = layouts[0].reply_offset
        answered = rtu.request(address + offset, function, start, count) if offset else request
        data = rtu.payload(answered, response)
        layout = _told_by(profile, layouts, read, data)
        registers = [_alone(register, profile, read) for register in (*layout.signals, *layout.details)]
        registers += _untold(profile, layout, read)
        return to_json(Profile(profile.compiled(layout, registers)).decode(function, start, count, data))
    except rtu.DeviceException as exception:
        return to_json({"exception": (exception.code, 0)})


def question(frame: bytes) -> tuple[int, int, int, int]:
    """(address, function, start, count) of a request. Raises ValueError for one that is damaged or does not read."""
    if len(frame) < 4 or rtu.crc16(frame):
        raise ValueError("wrong CRC")
    if frame[1] not in rtu.READ_FUNCTIONS:
        raise ValueError(f"function {frame[1]} does not read")
    if len(frame) != 8:
        raise ValueError(f"{len(frame)} bytes instead of 8")
    address, function, start, count = struct.unpack(">BBHH", frame[:6])
    return address, function, start, count


def _possible(profile: DeviceProfile, address: int, name: str | None) -> list[Layout]:
    """The layouts in question, at least one; of an address that the model cannot have nothing is told."""
    if name is not None:
        return [layout for layout in profile.layouts if layout.name == name]
    at_address = profile.layout_at(address)
    return list(profile.layouts) if profile.probe or at_address is None else [at_address]


def _told_by(profile: DeviceProfile, layouts: list[Layout], read: Block, data: bytes) -> Layout:
    probe = profile.probe
    if probe and len(layouts) > 1 and set(_words(profile, probe)) <= set(_words(profile, read)):
        at = 2 * _words(profile, read).index(probe.address)
        number = int.from_bytes(data[at : at + 2], "big")
        layouts = [layout for layout in layouts if layout.lowest <= number <= layout.highest] or layouts
    return min(layouts, key=lambda layout: len(_untold(profile, layout, read)))


def _alone(register: Register, profile: DeviceProfile, read: Block) -> Register:
    """A register that the reply tells without the number that counts it: all of them are shown then."""
    counter = None if register.scaling else register.beside
    return register if counter is None or counter in _words(profile, read) else replace(register, beside=None)


def _untold(profile: DeviceProfile, layout: Layout, read: Block) -> list[Register]:
    """The registers of the span that no number, flag or text of the layout tells in full."""
    if read.function not in (3, 4):
        return []
    span = _words(profile, read)
    told: set[int] = set()
    for register in (*layout.signals, *layout.details):
        if register.function != read.function or register.mask is not None or register.values is not None:
            continue
        scale = set(_words(profile, register.scaling)) if register.scaling else set()
        for block in register.blocks(profile.limits.address_step):
            words = _words(profile, block)
            if scale.union(words) <= set(span):
                told.update(words)
    return [Register(read.function, word, f"register_{word:04x}", "u16", 1) for word in span if word not in told]


def _words(profile: DeviceProfile, block: Block) -> range:
    step = profile.limits.address_step
    return range(block.address, block.address + block.count * step, step)


def to_json(values: Mapping[str, object]) -> str:
    """One JSON object whose numbers, (integer, decimals) each, have exactly the digits of the registers."""
    return "{" + ",".join([f'"{name}":{_json(value)}' for name, value in values.items()]) + "}"


def _json(value: object) -> str:
    return decimal(*value) if isinstance(value, tuple) else json.dumps(value)


def _check_layout(profile: DeviceProfile, name: str | None) -> None:
    names = [layout.name for layout in profile.layouts if layout.name]
    if name is not None and name not in names:
        raise SettingsError(f"--layout {name!r}: {profile.model} has {', '.join(names) or 'but one; leave it out'}")


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
    parser.add_argument("--layout", metavar="NAME", help="of a model with several, such as extended")
    options = parser.parse_args(arguments)
    try:
        profile = load(options.device)
        _check_layout(profile, options.layout)
        request = _bytes("request", options.request)
        response = _bytes("response", options.response)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        print(decoded(profile, request, response, options.layout))
    except rtu.BadReply as error:
        print(f"response: {error}", file=sys.stderr)
        return 1
    except ValueError as error:
        print(f"request: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
