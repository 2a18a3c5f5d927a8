"""Find what hangs on an RS-485 bus: baud rates, addresses, and the models that are recognised. It only reads.

    python -m firmware.host.scan [--port PORT] [--all] [--model MODEL]... [--address ADDRESS]...

PORT is a board, whose firmware stops meanwhile, or a USB-RS485 adapter. Each model of firmware/devices/ is asked what a
poll would ask it, or only those that are named, at the addresses that it can be set to: the first 16, every one with
--all, or those that are named. A model is recognised when all of a poll is answered and every value is plausible; what
answers otherwise is named too. An address is one device at each baud rate: many answer whatever the stop bits are.
Ctrl-C ends the scan and shows what was found until then.
Exit code 0: a device was found; 1: none; 2: no such port.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from firmware.board import rtu
from firmware.board.decode import Profile
from firmware.host import bridge, identification, ports
from firmware.host.bridge import Bridge, Format
from firmware.host.command import in_one_line
from firmware.host.profile import DeviceProfile, known_models, load
from ingest.settings_file import SettingsError
from ingest.signals import catalogue

_USUAL = 16
_BITS = 11
_IDENTIFICATION_WAIT = 500
_NOTHING = "have the devices power, is A on A and B on B? then try ALL=yes"


class NotThisModelError(Exception):
    """What a device answered that this model would not; the message says it."""


@dataclass(frozen=True, slots=True)
class Found:
    """A device that answers. If it fits none of our `models`, `others` says why, and `texts` what it says of itself."""

    line: Format
    address: int
    models: tuple[str, ...]
    others: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f"address {self.address} at {self.line}: "
        if len(self.models) == 1:
            return f"{where}{self.models[0]}"
        if self.models:
            return f"{where}{' or '.join(self.models)}: fits more than one; its name plate decides"
        return f"{where}answers, but is no known model ({'; '.join((*self.others, *self.texts))})"


@dataclass(frozen=True, slots=True)
class Step:
    """One address at one baud rate, and the models that could answer there."""

    baudrate: int
    address: int
    profiles: tuple[DeviceProfile, ...]

    def longest_ms(self) -> int:
        """When nobody answers."""
        return sum(profile.timeout_ms for profile in self.profiles)


def steps(profiles: Sequence[DeviceProfile], *, every_address: bool, only: Sequence[int] = ()) -> list[Step]:
    """What the scan goes through, usual addresses first; of `only` these addresses, usual or not, if there are any.

    An address is one step, with those models first for which it is usual.
    """
    usual: list[Step] = []
    others: list[Step] = []
    for baudrate in dict.fromkeys(each.baudrate for each in profiles):
        at_rate = [each for each in profiles if each.baudrate == baudrate]
        for address in only or range(256):
            likely = tuple(each for each in at_rate if _is_usual(each, address))
            possible = tuple(each for each in at_rate if _is_usual(each, address) is False)
            there = likely + possible if every_address or only else likely
            if there:
                (usual if likely else others).append(Step(baudrate, address, there))
    return usual + others


def _profile(device: DeviceProfile, address: int) -> Profile:
    files = device.files()
    return Profile(files[device.model], address, files.__getitem__)


def _format(profile: DeviceProfile) -> Format:
    return Format(profile.baudrate, profile.parity, profile.stop_bits)


def _is_usual(profile: DeviceProfile, address: int) -> bool | None:
    """None where no device of that model can be."""
    layout = profile.layout_at(address)
    if layout is None:
        return None
    lowest = profile.addresses[0] if profile.probe else max(profile.addresses[0], layout.lowest)
    return address - lowest < _USUAL


@dataclass(frozen=True, slots=True)
class _Asked:
    """A device that is taken for one of a model."""

    line: Format
    address: int
    profile: Profile
    replies: set[int]
    """The addresses from which a device of any model would answer."""


@dataclass
class Scan:
    """Goes through the steps. `noisy` counts questions after which bytes came that are no answer, `noise` has some."""

    over: Bridge
    sleep: Callable[[float], None] = time.sleep
    noisy: int = 0
    asked: int = 0
    noise: bytes = field(default=b"", init=False)

    def run(self, planned: Sequence[Step], progress: Callable[[int], None] = lambda _: None) -> Iterator[Found]:
        """What answers. `progress` is told the number of each step when it begins."""
        for number, step in enumerate(planned):
            progress(number)
            found = self._at(step)
            if found:
                yield found

    def _at(self, step: Step) -> Found | None:
        models: dict[str, Format] = {}
        others: dict[str, Format] = {}
        addresses = {_profile(device, step.address).reply_address(step.address) for device in step.profiles}
        for device in step.profiles:
            profile = _profile(device, step.address)
            asked = _Asked(_format(device), step.address, profile, addresses)
            first = profile.probe or next(read for read in profile.reads if read not in profile.optional)
            if not self._answers(asked, first):
                continue
            try:
                self._check(asked)
                models[device.model] = asked.line
            except NotThisModelError as error:
                others[f"{device.model}: {error}"] = asked.line
        if models:
            return Found(next(iter(models.values())), step.address, tuple(models))
        if others:
            line = next(iter(others.values()))
            return Found(line, step.address, (), tuple(others), self._texts(line, step))
        return None

    def _answers(self, asked: _Asked, block: tuple[int, int, int]) -> bool:
        try:
            return self._read(asked, block) is not None
        except rtu.DeviceException:
            return True

    def _check(self, asked: _Asked) -> None:
        """Raises NotThisModelError unless a whole poll is answered as this model does."""
        profile = asked.profile
        if profile.probe:
            told = self._data(asked, profile.probe)
            profile.settle(told)
            if not profile.reads:
                raise NotThisModelError(f"{told.hex()} from 0x{profile.probe[1]:04X} on is none of its layouts")
        values: dict[str, object] = {}
        for function, start, count in profile.reads:
            block = (function, start, count)
            try:
                data = self._data(asked, block)
            except NotThisModelError:
                if block not in profile.optional:
                    raise
                continue
            values |= profile.decode(function, start, count, data)
        profile.complete(values)
        for name, value in values.items():
            signal = catalogue()[profile.measurement][name]
            if signal.minimum is None or signal.maximum is None or not isinstance(value, tuple):
                continue
            number = value[0] / 10 ** value[1]
            if not signal.minimum <= number <= signal.maximum:
                raise NotThisModelError(f"{name} would be {number:g} {signal.unit}".rstrip())

    def _data(self, asked: _Asked, block: tuple[int, int, int]) -> bytes:
        function, start, count = block
        what = f"{count} from 0x{start:04X} with function {function}"
        try:
            data = self._read(asked, block) or self._read(asked, block)
        except rtu.DeviceException as error:
            raise NotThisModelError(f"refuses {what}: {error}") from None
        if data is None:
            raise NotThisModelError(f"does not answer {what}")
        return data

    def _read(self, asked: _Asked, block: tuple[int, int, int]) -> bytes | None:
        """The data bytes; None when no answer comes. Raises DeviceException."""
        profile = asked.profile
        question = rtu.request(asked.address, *block)
        expected = rtu.request(profile.reply_address(asked.address), *block)
        wire = (len(question) + rtu.reply_length(block[0], block[2])) * _BITS * 1000 // asked.line.baudrate + 1
        heard = self._ask(asked.line, question, expected, profile.timeout_ms + wire, profile.gap_ms)
        reply = rtu.find_reply(expected, heard)
        if reply is None:
            if not any(rtu.find_reply(bytes((each,)) + expected[1:], heard) for each in asked.replies):
                self._note_noise(heard.replace(question, b""))  # an adapter may hear itself
            return None
        return rtu.payload(expected, reply)

    def _texts(self, line: Format, step: Step) -> tuple[str, ...]:
        question = identification.question(step.address)
        gap = max(each.gap_ms for each in step.profiles)
        heard = self._ask(line, question, question, _IDENTIFICATION_WAIT, gap).removeprefix(question)
        try:
            told = identification.objects(question, heard)
        except (rtu.BadReply, rtu.DeviceException):
            return ()
        return tuple(f"{name} {text!r}" for name, text in told.items())

    def _ask(self, line: Format, question: bytes, expected: bytes, wait_ms: int, gap_ms: int) -> bytes:
        self.sleep(gap_ms / 1000)
        self.asked += 1
        return self.over.ask(line, question, expected, wait_ms)

    def _note_noise(self, heard: bytes) -> None:
        if heard:
            self.noisy += 1
            self.noise = self.noise or heard[:16]


def _shower(planned: Sequence[Step]) -> Callable[[int], None]:
    """Shows progress on a terminal, and nothing elsewhere."""
    left_ms = [0]
    for step in reversed(planned):
        left_ms.append(left_ms[-1] + step.longest_ms())
    left_ms.reverse()

    def show(number: int) -> None:
        step = planned[number]
        left = f"about {left_ms[number] // 1000} s left"
        where = f"{number + 1} of {len(planned)}, {left}: {step.baudrate} baud, address {step.address}"
        print(f"{where:<78}\r", end="", file=sys.stderr, flush=True)

    return show if sys.stderr.isatty() else lambda _: None


@in_one_line
def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, 1 or 2, as the module says."""
    parser = argparse.ArgumentParser(prog="python -m firmware.host.scan", description="Find what hangs on a bus.")
    parser.add_argument("--port", default="", help="board or RS-485 adapter; the only one there is, if left out")
    parser.add_argument("--all", action="store_true", help="every address that a model can have, not only the usual")
    parser.add_argument(
        "--model", action="append", choices=known_models(), help="look for this model alone; repeatable"
    )
    parser.add_argument(
        "--address", action="append", type=int, default=[], help="look at this address alone; repeatable"
    )
    options = parser.parse_args(arguments)
    models = options.model or known_models()
    planned = steps([load(model) for model in models], every_address=options.all, only=options.address)
    if not planned:
        raise SettingsError(f"no {' or '.join(models)} has address {options.address[0]}; leave ADDRESS or MODEL out")
    count = 0
    port = ports.choose(options.port, ports.usb_ports())
    with bridge.opened(port) as over:
        print(f"scanning through {over.name} at {port}", flush=True)
        scan = Scan(over)
        try:
            for found in scan.run(planned, _shower(planned)):
                count += 1
                print(f"{found!s:<78}", flush=True)  # over the progress
        except KeyboardInterrupt:
            print(f"interrupted after {scan.asked} questions", flush=True)
    print(f"{count} found in {scan.asked} questions{'' if count else f'; {_NOTHING}'}")
    if scan.noisy:
        print(
            f"noise: after {scan.noisy} questions came bytes that are no answer (first {scan.noise.hex(' ')}); the "
            "cable is bad, or another master asks here, such as a running board: unplug it, or scan through it"
        )
    return 0 if count else 1


if __name__ == "__main__":
    sys.exit(main())
