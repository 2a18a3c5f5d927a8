"""Device profiles, `firmware/devices/*.toml`: loaded, checked against the signal catalogue, compiled for the board.

A profile lists its registers in two parts: `signals`, which the board polls and whose names and units are the
catalogue's, and `details`, which only `python -m firmware.host.decode` knows.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from firmware.host.plan import Block, Limits, plan
from ingest.settings_file import SettingsError, Table
from ingest.signals import Signal, catalogue, expand

DEVICES = Path(__file__).parent.parent / "devices"

_BIT_FUNCTIONS = (1, 2)
_WORDS = {"bit": 1, "bool16": 1, "bool32": 2, "u16": 1, "s16": 1, "u32": 2, "s32": 2}
_KINDS = {"bit": "bool", "bool16": "bool", "bool32": "bool", "s16": "signed", "s32": "signed", "text": "text"}
_NAME = r"[a-z][a-z0-9_]*(\{\d+\.\.\d+\}[a-z0-9_]*)?"


@dataclass(frozen=True, slots=True)
class Register:
    """One line of a profile. `words` counts registers, or bits of functions 1 and 2.

    The number is the register's integer with `decimals` digits behind the point, in `unit`. `mask` picks bits out of
    it and `shift` moves them down, `values` gives each number its word, and a number that is `absent` means that there
    is nothing to read.
    """

    function: int
    address: int
    name: str
    type: str
    words: int
    decimals: int = 0
    unit: str = ""
    absent: int | None = None
    mask: int | None = None
    shift: int | None = None
    values: dict[int, str] | None = None
    optional: bool = False
    overrides: bool = False

    @property
    def block(self) -> Block:
        """What has to be read for it."""
        return Block(self.function, self.address, self.words, self.optional)

    def row(self) -> list[Any]:
        """What `firmware.board.decode.Profile` takes, without the defaults at its end."""
        kind = "unsigned" if self.values else _KINDS.get(self.type, "unsigned")
        size = self.words if self.type == "bit" else 2 * self.words
        values = {str(number): word for number, word in self.values.items()} if self.values else None
        row = [
            self.function,
            self.address,
            self.name,
            kind,
            size,
            self.decimals,
            self.absent,
            self.mask,
            self.shift,
            values,
        ]
        while row[-1] is None:
            row.pop()
        return row


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """One device model.

    `addresses` is the range of slave addresses that it can be set to, both inclusive. `bits` names, per register of
    bits, what each bit means.
    """

    model: str
    title: str
    measurement: str
    addresses: tuple[int, int]
    baudrate: int
    parity: str
    stop_bits: int
    timeout_ms: int
    gap_ms: int
    low_word_first: bool
    limits: Limits
    signals: tuple[Register, ...]
    details: tuple[Register, ...]
    bits: dict[str, dict[int, str]]

    def reads(self) -> list[Block]:
        """One whole poll."""
        known = [register.block for register in (*self.signals, *self.details)]
        return plan((register.block for register in self.signals), known, self.limits)

    def compiled(self, registers: tuple[Register, ...] | None = None) -> dict[str, Any]:
        """The JSON that the board loads, with the signals alone unless `registers` are given."""
        reads = self.reads()
        return {
            "model": self.model,
            "measurement": self.measurement,
            "baudrate": self.baudrate,
            "parity": self.parity,
            "stop_bits": self.stop_bits,
            "timeout_ms": self.timeout_ms,
            "gap_ms": self.gap_ms,
            "address_step": self.limits.address_step,
            "low_word_first": self.low_word_first,
            "reads": [[read.function, read.address, read.count] for read in reads],
            "optional": [[read.function, read.address, read.count] for read in reads if read.optional],
            "registers": [register.row() for register in (self.signals if registers is None else registers)],
        }


def known_models() -> list[str]:
    return sorted(path.stem for path in DEVICES.glob("*.toml"))


def load(model: str) -> DeviceProfile:
    """The profile of that name. Raises SettingsError with one line for an unknown one or a wrong line in it."""
    if model not in known_models():
        raise SettingsError(f"device: {model!r}; give one of {', '.join(known_models())}")
    return read(DEVICES / f"{model}.toml")


def read(path: Path) -> DeviceProfile:
    """Raises SettingsError with one line that names file, register, key and the way out."""
    file = Table.of_file(path, "firmware/devices/jk_pb.toml")
    title = file.text("title", r".+", "give the device's name for people")
    measurement = file.choice("measurement", ("bms", "charge_controller"))
    serial = file.table("serial")
    baudrate = serial.choice("baudrate", (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200))
    parity = serial.choice("parity", ("N", "E", "O"))
    stop_bits = serial.choice("stop_bits", (1, 2))
    addresses = serial.integers("addresses")
    if len(addresses) != 2 or not 0 <= addresses[0] <= addresses[1] <= 255:
        raise serial.wrong("addresses", addresses, "give the lowest and the highest, within 0 to 255")
    timeout_ms = serial.integer("timeout_ms", 10, 5000)
    gap_ms = serial.integer("gap_ms", 2, 1000)
    reading = file.table("reading")
    function = reading.choice("function", (3, 4))
    low_word_first = reading.choice("word_order", ("high_first", "low_first")) == "low_first"
    limits = Limits(
        max_registers=reading.integer("max_registers", 1, 125),
        address_step=reading.choice("address_step", (1, 2), 1),
    )
    bits = _bits(file.table("bits", {}))
    signals = _registers(file.tables("signals"), function, limits.address_step, bits)
    details = _registers(file.tables("details"), function, limits.address_step, bits)
    file.refuse_unknown()
    _check_signals(path, signals, catalogue()[measurement])
    _check_details(path, details, catalogue()[measurement])
    unused = set(bits) - {register.name for register in (*signals, *details)}
    if unused:
        raise SettingsError(f"{path}: bits.{min(unused)}: no such register; name the table after one")
    return DeviceProfile(
        model=path.stem,
        title=title,
        measurement=measurement,
        addresses=(addresses[0], addresses[1]),
        baudrate=baudrate,
        parity=parity,
        stop_bits=stop_bits,
        timeout_ms=timeout_ms,
        gap_ms=gap_ms,
        low_word_first=low_word_first,
        limits=limits,
        signals=signals,
        details=details,
        bits=bits,
    )


def _bits(table: Table) -> dict[str, dict[int, str]]:
    return {name: _numbered(table.table(name), 31) for name in table}


def _numbered(table: Table, highest: int) -> dict[int, str]:
    """A table whose keys are numbers and whose values are words."""
    named = {}
    for key in table:
        if not key.isdecimal() or int(key) > highest:
            raise table.wrong(key, key, f"give a number from 0 to {highest}")
        named[int(key)] = table.text(key, r".+", "give a word in quotes")
    return named


def _registers(
    lines: list[Table], function: int, address_step: int, bits: dict[str, dict[int, str]]
) -> tuple[Register, ...]:
    return tuple(register for line in lines for register in _expanded(line, function, address_step, bits))


def _expanded(line: Table, function: int, address_step: int, bits: dict[str, dict[int, str]]) -> list[Register]:
    """The registers of one line: one, or as many as its name counts, each right after the one before."""
    name = line.text("name", _NAME, "give a name such as pack_voltage or cell_{01..16}_voltage")
    line.path += f" ({name})"
    kind = line.choice("type", (*_WORDS, "text"))
    words = line.integer("registers", 1, 64) if kind == "text" else _WORDS[kind]
    mask, shift = (sum(1 << bit for bit in bits[name]), 0) if name in bits else _field(line, words)
    first = Register(
        function=line.choice("function", (1, 2, 3, 4), function),
        address=line.integer("address", 0, 0xFFFF),
        name=name,
        type=kind,
        words=words,
        decimals=line.integer("decimals", -3, 6, 0),
        unit=line.text("unit", r".+", "give the unit of the number", ""),
        absent=line.integer("absent", -0x8000, 0xFFFF_FFFF, None),
        mask=mask,
        shift=shift,
        values=_numbered(line.table("values", {}), 0xFFFF) or None,
        optional=line.flag("optional"),
        overrides=line.flag("overrides"),
    )
    if (kind == "bit") != (first.function in _BIT_FUNCTIONS):
        raise line.wrong("type", kind, "give bit for functions 1 and 2, and only there")
    return [
        replace(first, name=one, address=first.address + number * words * address_step)
        for number, one in enumerate(expand(name))
    ]


def _field(line: Table, words: int) -> tuple[int | None, int | None]:
    """Mask and shift: `bits = [3]` is one bit, `bits = [8, 15]` the bits from 8 to 15."""
    bits = line.integers("bits", None)
    if bits is None:
        return None, None
    if len(bits) not in (1, 2) or not 0 <= bits[0] <= bits[-1] < 16 * words:
        raise line.wrong("bits", bits, f"give [bit] or [lowest, highest], within 0 to {16 * words - 1}")
    return (2 << bits[-1]) - (1 << bits[0]), bits[0]


def _check_signals(path: Path, registers: tuple[Register, ...], known: dict[str, Signal]) -> None:
    seen: set[str] = set()
    for register in registers:
        place = f"{path}: signals.{register.name}"
        signal = known.get(register.name)
        if signal is None:
            raise SettingsError(
                f"{place}: not in ingest/signals.toml; use a name of the catalogue, or move it to details"
            )
        if register.unit != signal.unit:
            raise SettingsError(f"{place}.unit: {register.unit!r}; the catalogue has {signal.unit!r}")
        gives = "string" if register.values else "bool" if _KINDS.get(register.type) == "bool" else "number"
        if gives != (signal.type if signal.type in ("string", "bool") else "number"):
            raise SettingsError(f"{place}.type: gives a {gives}; the catalogue has {signal.type}")
        if signal.type == "int" and register.decimals > 0:
            raise SettingsError(f"{place}.decimals: {register.decimals}; the catalogue has a whole number")
        foreign = set((register.values or {}).values()) - set(signal.values)
        if foreign:
            raise SettingsError(f"{place}.values: {min(foreign)!r}; give one of {', '.join(signal.values)}")
        if (register.name in seen) != register.overrides:
            hint = "overrides = true says that this line knows better than an earlier one of the same name"
            raise SettingsError(f"{place}.overrides: {register.overrides}; {hint}")
        seen.add(register.name)
    _check_order(path, "signals", registers)


def _check_details(path: Path, registers: tuple[Register, ...], known: dict[str, Signal]) -> None:
    seen: set[str] = set()
    for register in registers:
        place = f"{path}: details.{register.name}"
        if register.name in known:
            raise SettingsError(f"{place}: a signal of the catalogue; move it to signals, or give it another name")
        if register.name in seen:
            raise SettingsError(f"{place}: stands twice; give each a name of its own")
        seen.add(register.name)
    _check_order(path, "details", registers)


def _check_order(path: Path, section: str, registers: tuple[Register, ...]) -> None:
    last: dict[int, int] = {}
    for register in registers:
        if register.address < last.get(register.function, 0):
            raise SettingsError(
                f"{path}: {section}.{register.name}.address: {register.address:#06x}, out of order; sort by address"
            )
        last[register.function] = register.address
