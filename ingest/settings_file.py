"""A TOML file that people write, read key by key.

Whatever they have to mend ends in one line, `file:line: key: value; the way out`. No default stands in for a wrong
value, no unknown key is passed over, and no secret is shown.
"""

import ipaddress
import math
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

T = TypeVar("T")
V = TypeVar("V")

REQUIRED: Any = object()
"""Stands where a default would, for a key that must be given."""

HOST_CHARACTERS = 253
_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_HOST_NAME = re.compile(rf"({_LABEL}\.)*(?!\d+\.?$){_LABEL}\.?")
"""RFC 1123, and the underscore that container networks use. A last label of digits alone makes it an address."""

_HEADER = re.compile(r"\s*(\[\[?)\s*([\w.-]+)\s*\]")
_ENTRY = re.compile(r"\s*([\w-]+)\s*=")

_ONE_LINE = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]+"


class SettingsError(ValueError):
    """What a person has to mend; the message is one line."""


def is_host(text: str) -> bool:
    """Whether a host can be called so: by a name in ASCII, or by an IPv4 or IPv6 address."""
    if _HOST_NAME.fullmatch(text):
        return len(text) <= HOST_CHARACTERS
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return re.fullmatch(r"[\w.:%-]+", text, re.ASCII) is not None


class Table:
    """One table of the file. It remembers what was asked of it, for `refuse_unknown`.

    `path` leads to it in dotted keys, such as `devices.2`, and is empty for the file as a whole. Files of passwords
    and tokens that are named without a folder are looked up in `secrets`. `lines` tells at which line a path stands.
    """

    def __init__(
        self,
        file: str,
        entries: Mapping[str, Any],
        path: str = "",
        secrets: Path = Path(),
        lines: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self.path = path
        self._lines = lines
        self._secrets = secrets
        self._file = file
        self._entries = entries
        self._known: list[str] = []
        self._tables: list[Table] = []

    @classmethod
    def of_file(cls, path: Path, example: str, secrets: Path | None = None) -> "Table":
        """The whole file. `example` is the file to start from when there is none. `secrets` is the file's own folder,
        when it is not given.
        """
        try:
            text = path.read_text("utf-8")
            return cls(str(path), tomllib.loads(text), secrets=secrets or path.parent, lines=_line_numbers(text))
        except FileNotFoundError:
            raise SettingsError(f"{path}: no such file; copy {example} to it and fill it in") from None
        except OSError as error:
            raise SettingsError(f"{path}: {error.strerror}; name a file that you may read") from None
        except UnicodeDecodeError as error:
            raise SettingsError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{path}: {error}; TOML has texts in quotes and tables in [brackets]") from None

    def __iter__(self) -> Iterator[str]:
        """The keys, for a table whose keys are data."""
        return iter(self._entries)

    def has(self, key: str) -> bool:
        """Whether the key is given, for keys that depend on each other."""
        self._know(key)
        return key in self._entries

    def text(
        self,
        key: str,
        pattern: str = _ONE_LINE,
        way_out: str = "give a text that is not empty, in one line",
        default: T = REQUIRED,
        *,
        secret: bool = False,
    ) -> str | T:
        """A string that fits the pattern as a whole. What stands in place of a `secret` one is not shown."""
        return self._take(key, (str,), lambda value: re.fullmatch(pattern, value), way_out, default, secret=secret)

    def host(self, key: str) -> str:
        """A host name or an address."""
        return self._take(key, (str,), is_host, "give a host name or an address, without a port", REQUIRED)

    def integer(self, key: str, lowest: int, highest: int, default: T = REQUIRED) -> int | T:
        """A whole number within both bounds."""
        way_out = f"give a whole number from {lowest} to {highest}"
        return self._take(key, (int,), lambda value: lowest <= value <= highest, way_out, default)

    def seconds(self, key: str, lowest: float, highest: float, default: T = REQUIRED) -> float | T:
        """A number within both bounds."""
        way_out = f"give seconds from {lowest:g} to {highest:g}"
        return self._take(key, (int, float), lambda value: lowest <= value <= highest, way_out, default)

    def number(self, key: str) -> float:
        """Any number."""
        return self._take(key, (int, float), math.isfinite, "give a number", REQUIRED)

    def texts(self, key: str, way_out: str) -> list[str]:
        """A list of texts."""
        return self._take(key, (list,), lambda value: all(type(one) is str for one in value), way_out, REQUIRED)

    def choice(self, key: str, choices: Sequence[V], default: T = REQUIRED) -> V | T:
        """One of the choices."""
        way_out = f"give one of {', '.join(map(str, choices))}"
        return self._take(key, tuple(map(type, choices)), lambda value: value in choices, way_out, default)

    def flag(self, key: str) -> bool:
        """True or false; false when it is not given."""
        return self._take(key, (bool,), lambda _value: True, "give true or false", False)

    def integers(self, key: str, default: T = REQUIRED) -> list[int] | T:
        """A list of whole numbers."""
        way_out = "give a list of whole numbers, such as [1, 15]"
        return self._take(key, (list,), lambda value: all(type(one) is int for one in value), way_out, default)

    def secret(self, key: str, encoding: str = "UTF-8") -> str:
        """What stands in the file that the key names: one line, whose outer spaces do not count. A name without a
        folder is looked up in `secrets`.
        """
        path = self.text(key)
        way_out = f"put the password or token alone into that file, as one line of {encoding}"
        try:
            secret = (self._secrets / path).read_text(encoding).strip()
        except OSError as error:
            raise self._error(key, f"{str(self._secrets / path)!r}: {error.strerror}", way_out) from None
        except UnicodeDecodeError:
            raise self.wrong(key, path, way_out) from None
        if not re.fullmatch(_ONE_LINE, secret):
            raise self.wrong(key, path, way_out)
        return secret

    def table(self, key: str, default: Mapping[str, Any] = REQUIRED) -> "Table":
        """The table below the key."""
        way_out = f"give a table [{self._to(key)}]"
        # What stands there instead may hold passwords: [[wifi]] for [wifi] is soon written.
        return self._below(key, self._take(key, (dict,), lambda _value: True, way_out, default, secret=True))

    def tables(self, key: str) -> "list[Table]":
        """The tables in the list below the key, at least one; the first is number 1."""
        way_out = f"give one table [[{self._to(key)}]] or more"
        items = self._take(
            key,
            (list,),
            lambda value: value and all(isinstance(one, dict) for one in value),
            way_out,
            REQUIRED,
            secret=True,
        )
        return [self._below(f"{key}.{number}", item) for number, item in enumerate(items, 1)]

    def only(self, *keys: str) -> None:
        """Raises SettingsError for the first key that is none of these.

        Called before the keys are read it names a mistyped key; otherwise the right one would be reported as missing.
        """
        for key in self._entries:
            if key not in keys:
                raise self._error(key, "no such key", f"known here are {', '.join(keys)}")

    def refuse_unknown(self) -> None:
        """Raises SettingsError for the first key, here or further below, that nobody asked for."""
        for key in self._entries:
            if key not in self._known:
                raise self._error(key, "no such key", f"known here are {', '.join(self._known)}")
        for table in self._tables:
            table.refuse_unknown()

    def wrong(self, key: str, value: object, way_out: str) -> SettingsError:
        """The error for a value that only the caller can judge."""
        return self._error(key, repr(value), way_out)

    def _take(
        self,
        key: str,
        kinds: tuple[type[V], ...],
        fits: Callable[[V], object],
        way_out: str,
        default: T,
        *,
        secret: bool = False,
    ) -> V | T:
        self._know(key)
        if key not in self._entries:
            if default is REQUIRED:
                raise self._error(key, "missing", way_out)
            return default
        value: V = self._entries[key]
        if type(value) not in kinds or not fits(value):
            raise self._error(key, "not shown" if secret else repr(value), way_out)
        return value

    def _know(self, key: str) -> None:
        if key not in self._known:
            self._known.append(key)

    def _below(self, key: str, entries: Mapping[str, Any]) -> "Table":
        table = Table(self._file, entries, self._to(key), self._secrets, self._lines)
        self._tables.append(table)
        return table

    def _to(self, key: str) -> str:
        shown = key if key.isprintable() else repr(key)
        return f"{self.path}.{shown}" if self.path else shown

    def _error(self, key: str, told: str, way_out: str) -> SettingsError:
        line = self._lines.get(self._to(key)) or self._lines.get(self.path)  # a missing key's table, at least
        place = f"{self._file}:{line}" if line else self._file
        return SettingsError(f"{place}: {self._to(key)}: {told}; {way_out}")


def _line_numbers(text: str) -> dict[str, int]:
    """Where each table and each key begins, as far as lines can tell: a key within braces has no line of its own."""
    found: dict[str, int] = {}
    lists: Counter[str] = Counter()
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            brackets, table = header.groups()
            if brackets == "[[":
                lists[table] += 1
                table = f"{table}.{lists[table]}"
            found.setdefault(table, number)
        elif entry := _ENTRY.match(line):
            found.setdefault(f"{table}.{entry[1]}" if table else entry[1], number)
    return found
