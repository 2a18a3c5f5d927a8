"""A table of a TOML file, read key by key, so that a complaint names the place, the key, the value and the way out."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class SettingError(ValueError):
    """What a person can mend in a file; the message is one line."""


_MISSING = object()


class Table:
    """Reads keys off a table; `done` complains about the keys that nobody asked for.

    `place` is where the table stands, for people: the file, and the way to it.
    """

    def __init__(self, place: str, entries: Mapping[str, Any]) -> None:
        self.place = place
        self._entries = dict(entries)
        self._known: list[str] = []

    @classmethod
    def of_file(cls, path: Path) -> "Table":
        """The whole file as a table. Raises SettingError when it cannot be read or is no TOML."""
        try:
            return cls(str(path), tomllib.loads(path.read_text("utf-8")))
        except OSError as error:
            raise SettingError(f"{path}: cannot be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingError(f"{path}: no TOML: {error}") from None

    def has(self, key: str) -> bool:
        """Whether the key is given."""
        return key in self._entries

    def integer(self, key: str, lowest: int, highest: int, default: Any = _MISSING) -> Any:
        """A whole number within both bounds."""
        value = self._take(key, default)
        whole = isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest
        if not whole and value is not default:
            raise self.wrong(key, value, f"give a whole number from {lowest} to {highest}")
        return value

    def text(self, key: str, pattern: str, hint: str, default: Any = _MISSING, *, secret: bool = False) -> Any:
        """A string that fits the pattern as a whole; a `secret` one is never shown."""
        value = self._take(key, default)
        if value is not default and not (isinstance(value, str) and re.fullmatch(pattern, value)):
            raise self.wrong(key, "what stands there" if secret else value, hint)
        return value

    def choice(self, key: str, choices: Sequence[Any], default: Any = _MISSING) -> Any:
        """One of the choices."""
        value = self._take(key, default)
        if value is not default and (value not in choices or isinstance(value, bool)):
            raise self.wrong(key, value, f"give one of {', '.join(map(str, choices))}")
        return value

    def flag(self, key: str) -> bool:
        """True or false; false when it is not given."""
        value = self._take(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, value, "give true or false")
        return value

    def integers(self, key: str, default: Any = _MISSING) -> Any:
        """A list of whole numbers."""
        value = self._take(key, default)
        if value is not default and not (isinstance(value, list) and all(type(item) is int for item in value)):
            raise self.wrong(key, value, "give a list of whole numbers, such as [1, 15]")
        return value

    def table(self, key: str, default: Any = _MISSING) -> "Table":
        """The table below that key."""
        value = self._take(key, default)
        if not isinstance(value, dict):
            raise self.wrong(key, value, f"give a table [{key}]")
        return Table(f"{self.place}: {key}", value)

    def tables(self, key: str) -> "list[Table]":
        """The tables of that list, at least one."""
        value = self._take(key, _MISSING)
        if not (isinstance(value, list) and value and all(isinstance(item, dict) for item in value)):
            raise self.wrong(key, value, "give a list of tables")
        return [Table(f"{self.place}: {key} {number}", item) for number, item in enumerate(value, 1)]

    def items(self) -> "list[tuple[str, Any]]":
        """All that is left, for tables whose keys are data."""
        self._known += self._entries
        return list(self._entries.items())

    def done(self) -> None:
        """Complains about the first key that nobody asked for."""
        for key in self._entries:
            if key not in self._known:
                raise SettingError(f"{self.place}: {key}: no such key; known are {', '.join(self._known)}")

    def wrong(self, key: str, value: object, hint: str) -> SettingError:
        """The complaint about a value, for checks that only the caller can make."""
        shown = value if value == "what stands there" else repr(value)
        return SettingError(f"{self.place}: {key}: {shown} is wrong; {hint}")

    def _take(self, key: str, default: Any) -> Any:
        self._known.append(key)
        value = self._entries.get(key, default)
        if value is _MISSING:
            raise SettingError(f"{self.place}: {key} is missing; add it")
        return value
