"""One line of a device profile: what stands in one register, or in several that are alike."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from firmware.board.decode import ROW
from firmware.host.plan import Block
from ingest.settings_file import Table
from ingest.signals import expand

_BIT_FUNCTIONS = (1, 2)
_SCALED = ("volts", "amperes", "watts")
_WORDS = {"bool16": 1, "bool32": 2, "u16": 1, "s16": 1, "u32": 2, "s32": 2, "sign_magnitude": 1}
_WORDS |= dict.fromkeys(_SCALED, 1)
_BITS = {"bit": 1, "u8": 8, "u16": 16, "bool16": 16}
_KINDS = {"bit": "b", "bool16": "b", "bool32": "b", "s16": "s", "s32": "s", "sign_magnitude": "m"}
_KINDS |= {"flags": "f", "text": "t", "volts": "V", "amperes": "A", "watts": "W"}
_TYPES = tuple(dict.fromkeys((*_WORDS, *_BITS, "flags", "text")))
_NAME = r"[a-z][a-z0-9_]*(\{\d+\.\.\d+\}[a-z0-9_]*)?"


@dataclass(frozen=True, slots=True)
class Register:
    """One line of a profile. `words` counts registers, or bits of functions 1 and 2.

    A name such as `cell_{01..16}_voltage` stands for that many registers, each right after the one before; of those
    only as many are there as the register `beside` says, if one is given. For a TriStar's volts, amperes and watts the
    scaling words are `beside`. The number is the register's integer less `zero`, with `decimals` digits behind the
    point, in `unit`. `mask` picks bits out of it and `shift` moves them down; of flags bit n is the device's bit
    `places[n]`. `values` gives each number its word, and one of the numbers that are `absent` means that there is
    nothing to read.
    """

    function: int
    address: int
    name: str
    type: str
    words: int
    decimals: int = 0
    unit: str = ""
    zero: int = 0
    absent: tuple[int, ...] = ()
    mask: int | None = None
    shift: int | None = None
    places: tuple[int, ...] = ()
    values: dict[int, str] | None = field(default=None, hash=False)
    beside: int | None = None
    optional: bool = False
    overrides: bool = False

    @property
    def names(self) -> list[str]:
        """One, or as many as the name counts."""
        return expand(self.name)

    def blocks(self, address_step: int) -> list[Block]:
        """What has to be read for each of its names."""
        step = self.words * (1 if self.function in _BIT_FUNCTIONS else address_step)
        return [
            Block(self.function, self.address + number * step, self.words, self.optional)
            for number in range(len(self.names))
        ]

    @property
    def scaling(self) -> Block | None:
        """The scaling words of a TriStar, if its number is scaled by them."""
        return Block(self.function, self.beside, 4) if self.type in _SCALED and self.beside is not None else None

    def reads(self, address_step: int) -> list[Block]:
        """What has to come in one reply for each of its names, with what it needs beside it."""
        blocks = self.blocks(address_step)
        if self.beside is None:
            return blocks
        beside_words = 4 if self.scaling else 1
        end = max(self.beside + beside_words * address_step, blocks[-1].address + self.words * address_step)
        first = min(self.beside, blocks[0].address)
        return [Block(self.function, first, (end - first) // address_step, self.optional)]

    @property
    def gives(self) -> str:
        """string, bool or number."""
        if self.values or self.type == "text":
            return "string"
        return "bool" if _KINDS.get(self.type) == "b" else "number"

    def compiled_words(self) -> list[Any]:
        """What the board's decoder calls words: the place of each flag, or each number with its word."""
        return list(self.places) or [[number, word] for number, word in (self.values or {}).items()]

    def row(self, signals: Sequence[str], words: int) -> bytes:
        """What `firmware.board.decode.Profile` takes; `signals` are all of the profile, `words` is the place of this
        register's words, or NO_WORDS.
        """
        return struct.pack(
            ROW,
            self.function,
            self.address,
            signals.index(self.names[0]),
            len(self.names),
            ("u" if self.values else _KINDS.get(self.type, "u")).encode(),
            self.words if self.function in _BIT_FUNCTIONS else 2 * self.words,
            self.decimals,
            self.absent[0] if self.absent else 0,
            self.absent[-1] if self.absent else 0,
            len(self.absent),
            self.mask or 0,
            self.shift or 0,
            self.zero,
            self.beside or 0,
            self.beside is not None,
            words,
        )


def from_line(line: Table, function: int, scaling: int | None, bits: dict[str, dict[int, str]]) -> Register:
    """The line, with `function` unless it names another. `bits` are named bits by register name, `scaling` is the
    address of a TriStar's scaling words. Raises SettingsError.
    """
    name = line.text("name", _NAME, "give a name such as pack_voltage or cell_{01..16}_voltage")
    line.path += f" ({name})"
    kind = line.choice("type", _TYPES)
    function = line.choice("function", (1, 2, 3, 4), function)
    words = _size(line, name, kind, function, bits)
    width = words if function in _BIT_FUNCTIONS else 16 * words
    named = sorted(bits.get(name, ()))
    if named and named[-1] >= width:
        raise line.wrong("type", kind, f"bits.{name} goes up to {named[-1]}; give a type with so many bits, or flags")
    mask, shift = (sum(1 << bit for bit in named), 0) if named and kind != "flags" else _field(line, width)
    if kind in _SCALED and scaling is None:
        raise line.wrong("type", kind, "give reading.scaling_words, where the factors stand")
    return Register(
        function=function,
        address=line.integer("address", 0, 0xFFFF),
        name=name,
        type=kind,
        words=words,
        decimals=line.integer("decimals", -3, 6, 0),
        unit=line.text("unit", r".+", "give the unit of the number", ""),
        zero=line.integer("zero", 0, 0x7FFF, 0),
        absent=_absent(line),
        mask=mask,
        shift=shift,
        places=tuple(named) if kind == "flags" else (),
        values=numbered(line.table("values", {}), 0xFFFF) or None,
        beside=scaling if kind in _SCALED else line.integer("counted_by", 0, 0xFFFF, None),
        optional=line.flag("optional"),
        overrides=line.flag("overrides"),
    )


def numbered(table: Table, highest: int) -> dict[int, str]:
    """A table whose keys are numbers and whose values are words."""
    named = {}
    for key in table:
        if not key.isdecimal() or int(key) > highest:
            raise table.wrong(key, key, f"give a number from 0 to {highest}")
        named[int(key)] = table.text(key, r".+", "give a word in quotes")
    return named


def _size(line: Table, name: str, kind: str, function: int, bits: dict[str, dict[int, str]]) -> int:
    """Registers, or bits of functions 1 and 2."""
    if kind == "flags":
        if not bits.get(name):
            raise line.wrong("type", kind, f"give a table [bits.{name}] with the name of each")
        return max(bits[name]) + 1 if function in _BIT_FUNCTIONS else max(bits[name]) // 16 + 1
    if kind == "text":
        return line.integer("registers", 1, 64)
    sizes = _BITS if function in _BIT_FUNCTIONS else _WORDS
    if kind not in sizes:
        raise line.wrong("type", kind, f"function {function} takes {', '.join(sizes)}, flags")
    return sizes[kind]


def _absent(line: Table) -> tuple[int, ...]:
    """`absent = [0]`, or two of them: `absent = [0, 255]`."""
    values = line.integers("absent", [])
    if len(values) > 2 or not all(-0x8000 <= one <= 0xFFFF for one in values):
        raise line.wrong("absent", values, "give one or two numbers from -32768 to 65535")
    return tuple(values)


def _field(line: Table, width: int) -> tuple[int | None, int | None]:
    """Mask and shift: `bits = [3]` is one bit, `bits = [8, 15]` the bits from 8 to 15."""
    bits = line.integers("bits", None)
    if bits is None:
        return None, None
    if len(bits) not in (1, 2) or not 0 <= bits[0] <= bits[-1] < width:
        raise line.wrong("bits", bits, f"give [bit] or [lowest, highest], within 0 to {width - 1}")
    return (2 << bits[-1]) - (1 << bits[0]), bits[0]
