"""Device profiles, `firmware/devices/*.toml`: loaded, checked against the signal catalogue, compiled for the board.

    python -m firmware.host.profile FILE...

checks profiles and shows what the board asks of each in one poll. A profile lists its registers in two parts:
`signals`, which the board polls and whose names and units are the catalogue's, and `details`, which only the command
`python -m firmware.host.decode` knows. Where a model has several layouts, what they share stands at the top.

Exit code 2: a line is wrong; it is named.
"""

import argparse
import re
import sys
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware.board.decode import NO_WORDS
from firmware.host import register as lines
from firmware.host.plan import Block, Limits, plan
from firmware.host.register import Register
from ingest.settings_file import SettingsError, Table
from ingest.signals import Signal, catalogue

DEVICES = Path(__file__).parent.parent / "devices"

_HIGHEST_BIT = 127
_CELL = re.compile(r"cell_\d+_voltage")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Layout:
    """One map of a model's registers, chosen by a number from `lowest` to `highest`: what the device answers to the
    profile's `probe`, or else its slave address.

    `spans` are reads that are known to be answered. The reply carries the slave address plus `reply_offset`.
    """

    name: str
    lowest: int
    highest: int
    spans: tuple[Block, ...]
    signals: tuple[Register, ...]
    details: tuple[Register, ...]
    reply_offset: int = 0


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """One device model.

    `addresses` is the range of slave addresses that it can be set to, both inclusive. `bits` names, per signal or
    detail of bits, what each bit of its value means. `products` are signals that are computed: name, factor, factor.
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
    layouts: tuple[Layout, ...]
    probe: Block | None
    products: tuple[tuple[str, str, str], ...]
    bits: dict[str, dict[int, str]]

    @property
    def signals(self) -> tuple[Register, ...]:
        """Of all layouts."""
        return tuple(dict.fromkeys(register for layout in self.layouts for register in layout.signals))

    def layout_at(self, address: int) -> Layout | None:
        """The layout that a device with that slave address has, the first one where it has to be asked, None if no
        device of this model can have that address.
        """
        if not self.addresses[0] <= address <= self.addresses[1]:
            return None
        if self.probe:
            return self.layouts[0]
        return next((layout for layout in self.layouts if layout.lowest <= address <= layout.highest), None)

    def addresses_text(self) -> str:
        """The slave addresses of its layouts, for people."""
        ranges = dict.fromkeys((layout.lowest, layout.highest) for layout in self.layouts)
        return ", ".join(f"{lowest}" if lowest == highest else f"{lowest} to {highest}" for lowest, highest in ranges)

    def reads(self, layout: Layout | None = None) -> list[Block]:
        """One whole poll, of the first layout unless another is given."""
        layout = layout or self.layouts[0]
        step = self.limits.address_step
        known = [block for register in (*layout.signals, *layout.details) for block in register.blocks(step)]
        wanted = [block for register in layout.signals for block in register.reads(step)]
        return plan(wanted, known, self.limits, layout.spans)

    def compiled(self, layout: Layout | None = None, registers: Iterable[Register] | None = None) -> dict[str, Any]:
        """One layout, the first unless another is given, in the form that the board loads; its `registers` are the
        signals unless others are given.
        """
        layout = layout or self.layouts[0]
        registers = layout.signals if registers is None else tuple(registers)
        signals = _ordered(registers)
        return self._head(signals) | self._tail(layout, registers, signals)

    def files(self) -> dict[str, dict[str, Any]]:
        """The JSON files that the board loads, by name: the model's, and one for each layout if there are several."""
        if len(self.layouts) == 1:
            return {self.model: self.compiled()}
        signals = _ordered(self.signals)
        head = self._head(signals) | {
            "layouts": [[f"{self.model}.{each.name}", each.lowest, each.highest] for each in self.layouts],
        }
        if self.probe:
            head["probe"] = [self.probe.function, self.probe.address, self.probe.count]
        return {self.model: head} | {
            f"{self.model}.{each.name}": self._tail(each, each.signals, signals) for each in self.layouts
        }

    def _head(self, signals: list[str]) -> dict[str, Any]:
        head = {
            "model": self.model,
            "measurement": self.measurement,
            "baudrate": self.baudrate,
            "parity": self.parity,
            "stop_bits": self.stop_bits,
            "timeout_ms": self.timeout_ms,
            "gap_ms": self.gap_ms,
            "address_step": self.limits.address_step,
            "low_word_first": self.low_word_first,
        }
        computed = [name for name, *_ in self.products]
        cells = [place for place, name in enumerate(signals) if _CELL.fullmatch(name)]
        if cells:
            head["cells"] = [cells[0], len(cells)]
            computed += ["cell_voltage_min", "cell_voltage_max", "cell_voltage_spread"]
        if self.products:
            head["products"] = [list(product) for product in self.products]
        return head | {"signals": " ".join(signals + computed)}

    def _tail(self, layout: Layout, registers: Iterable[Register], signals: list[str]) -> dict[str, Any]:
        reads = self.reads(layout)
        words: list[list[Any]] = []
        rows = b""
        for register in registers:
            own = register.compiled_words()
            rows += register.row(signals, len(words) if own else NO_WORDS)
            words += [own] if own else []
        tail: dict[str, Any] = {
            "reads": [[read.function, read.address, read.count] for read in reads],
            "optional": [[read.function, read.address, read.count] for read in reads if read.optional],
            "rows": b64encode(rows).decode(),
            "words": words,
        }
        if layout.reply_offset:
            tail["reply_offset"] = layout.reply_offset
        return tail


def _ordered(registers: Iterable[Register]) -> list[str]:
    """Their names, each once, and numbered ones in a row: the board finds them by the first and a number."""
    places: dict[str, int] = {}

    def place(name: str) -> tuple[int, int]:
        number = "".join(filter(str.isdigit, name))
        return places.setdefault(_DIGITS.sub("", name), len(places)), int(number or 0)

    return sorted({name: place(name) for register in registers for name in register.names}, key=place)


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
    addresses = _range(serial, "addresses", 255)
    timeout_ms = serial.integer("timeout_ms", 10, 5000)
    gap_ms = serial.integer("gap_ms", 2, 1000)
    reading = file.table("reading")
    function = reading.choice("function", (3, 4))
    low_word_first = reading.choice("word_order", ("high_first", "low_first")) == "low_first"
    limits = Limits(
        max_registers=reading.integer("max_registers", 1, 125),
        address_step=reading.choice("address_step", (1, 2), 1),
    )
    scaling = reading.integer("scaling_words", 0, 0xFFFF, None)
    bits = {name: lines.numbered(table, _HIGHEST_BIT) for name, table in _named_tables(file, "bits")}
    probe = _block(file.table("probe"), function) if file.has("probe") else None

    def registers(table: Table, key: str, required: bool) -> tuple[Register, ...]:
        given = table.tables(key) if required or table.has(key) else []
        return tuple(lines.from_line(line, function, scaling, bits) for line in given)

    several = file.has("layouts")
    signals = registers(file, "signals", not several)
    details = registers(file, "details", False)
    spans = _spans(file, function)
    layouts = [Layout("", 0, 255, spans, signals, details)]
    if several:
        key = "register" if probe else "addresses"
        layouts = [
            Layout(
                table.text("name", r"[a-z][a-z0-9_]*", "give a name such as extended"),
                *_range(table, key, 0xFFFF if probe else 255),
                (*spans, *_spans(table, function)),
                (*signals, *registers(table, "signals", True)),
                (*details, *registers(table, "details", False)),
                table.integer("reply_offset", -247, 247, 0),
            )
            for table in file.tables("layouts")
        ]
    computed = file.table("products", {})
    products = tuple(_product(computed, name) for name in computed)
    file.refuse_unknown()
    every = dict.fromkeys(register for layout in layouts for register in (*layout.signals, *layout.details))
    for layout in layouts:
        _check_signals(path, layout.signals, catalogue()[measurement])
        _check_details(path, layout.details, catalogue()[measurement])
    _check_products(path, products, layouts, catalogue()[measurement])
    unused = set(bits) - {register.name for register in every}
    if unused:
        raise SettingsError(f"{path}: bits.{min(unused)}: no such register; name the table after one")
    for register in every:
        if register.places:
            bits[register.name] = {bit: bits[register.name][place] for bit, place in enumerate(register.places)}
    return DeviceProfile(
        model=path.stem,
        title=title,
        measurement=measurement,
        addresses=addresses,
        baudrate=baudrate,
        parity=parity,
        stop_bits=stop_bits,
        timeout_ms=timeout_ms,
        gap_ms=gap_ms,
        low_word_first=low_word_first,
        limits=limits,
        layouts=tuple(layouts),
        probe=probe,
        products=products,
        bits=bits,
    )


def _range(table: Table, key: str, highest: int) -> tuple[int, int]:
    given = table.integers(key)
    if len(given) != 2 or not 0 <= given[0] <= given[1] <= highest:
        raise table.wrong(key, given, f"give the lowest and the highest, within 0 to {highest}")
    return given[0], given[1]


def _named_tables(file: Table, key: str) -> list[tuple[str, Table]]:
    table = file.table(key, {})
    return [(name, table.table(name)) for name in table]


def _block(table: Table, function: int) -> Block:
    return Block(
        table.choice("function", (1, 2, 3, 4), function),
        table.integer("address", 0, 0xFFFF),
        table.integer("count", 1, 2000, 1),
        table.flag("optional"),
    )


def _spans(table: Table, function: int) -> tuple[Block, ...]:
    return tuple(_block(line, function) for line in table.tables("spans")) if table.has("spans") else ()


def _product(table: Table, name: str) -> tuple[str, str, str]:
    factors = table.text(
        name, r"[a-z0-9_]+ \* [a-z0-9_]+", "give two signals, such as battery_voltage * charge_current"
    )
    one, other = factors.split(" * ")
    return name, one, other


def _check_signals(path: Path, registers: tuple[Register, ...], known: dict[str, Signal]) -> None:
    seen: set[str] = set()
    for register in registers:
        place = f"{path}: signals.{register.name}"
        for name in register.names:
            _check_signal(place, name, register, known)
        if register.overrides and len(register.names) > 1:
            raise SettingsError(f"{place}.overrides: True; write a line for each that knows better")
        if (not seen.isdisjoint(register.names)) != register.overrides:
            hint = "overrides = true says that this line knows better than an earlier one of the same name"
            raise SettingsError(f"{place}.overrides: {register.overrides}; {hint}")
        seen.update(register.names)
    _check_order(path, "signals", registers)


def _check_signal(place: str, name: str, register: Register, known: dict[str, Signal]) -> None:
    signal = known.get(name)
    if signal is None:
        raise SettingsError(f"{place}: not in ingest/signals.toml; use a name of the catalogue, or move it to details")
    if register.unit != signal.unit:
        raise SettingsError(f"{place}.unit: {register.unit!r}; the catalogue has {signal.unit!r}")
    if register.gives != (signal.type if signal.type in ("string", "bool") else "number"):
        raise SettingsError(f"{place}.type: gives a {register.gives}; the catalogue has {signal.type}")
    if signal.type == "int" and register.decimals > 0:
        raise SettingsError(f"{place}.decimals: {register.decimals}; the catalogue has a whole number")
    foreign = set((register.values or {}).values()) - set(signal.values)
    if foreign:
        raise SettingsError(f"{place}.values: {min(foreign)!r}; give one of {', '.join(signal.values)}")


def _check_details(path: Path, registers: tuple[Register, ...], known: dict[str, Signal]) -> None:
    seen: set[str] = set()
    for register in registers:
        place = f"{path}: details.{register.name}"
        if not known.keys().isdisjoint(register.names):
            raise SettingsError(f"{place}: a signal of the catalogue; move it to signals, or give it another name")
        if not seen.isdisjoint(register.names):
            raise SettingsError(f"{place}: stands twice; give each a name of its own")
        seen.update(register.names)
    _check_order(path, "details", registers)


def _check_products(
    path: Path, products: tuple[tuple[str, str, str], ...], layouts: list[Layout], known: dict[str, Signal]
) -> None:
    given = {name for layout in layouts for register in layout.signals for name in register.names}
    for name, *factors in products:
        if name not in known or name in given:
            raise SettingsError(f"{path}: products.{name}: no signal of the catalogue that a register does not give")
        for factor in factors:
            if factor not in given:
                raise SettingsError(f"{path}: products.{name}: {factor!r}; no register gives it")


def _check_order(path: Path, section: str, registers: tuple[Register, ...]) -> None:
    last: dict[int, int] = {}
    for register in registers:
        if register.address < last.get(register.function, 0):
            raise SettingsError(
                f"{path}: {section}.{register.name}.address: {register.address:#06x}, out of order; sort by address"
            )
        last[register.function] = register.address


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 2 with one line."""
    parser = argparse.ArgumentParser(
        prog="python -m firmware.host.profile", description="Check device profiles and show the reads of one poll."
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="such as firmware/devices/jk_pb.toml")
    options = parser.parse_args(arguments)
    for path in options.files:
        try:
            profile = read(path)
        except SettingsError as error:
            print(error, file=sys.stderr)
            return 2
        for layout in profile.layouts:
            print(f"{profile.model} {layout.name}".strip())
            for block in profile.reads(layout):
                optional = ", may be refused" if block.optional else ""
                print(f"  function {block.function}: {block.count} from {block.address:#06x} on{optional}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
