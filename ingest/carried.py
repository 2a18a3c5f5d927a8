"""Readings carried by hand: packages of line protocol on a USB stick, each with a slip that says what is in it.

A package is `readings-<number>.lp.gz`; its slip, `readings-<number>.json`, is written after it, so a package without
one was not finished. Promised: what does not match its slip to the last byte is not taken for a package.
"""

import gzip
import hashlib
import json
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FORMAT = "powerunit-carried-1"

Kept = tuple[str, str, list[tuple[int, int]]]
"""Unit, boot, and the inclusive ranges of `seq`."""


class DamagedError(Exception):
    """A package that cannot be used; the text is the reason, one line."""


@dataclass(frozen=True, slots=True)
class Slip:
    """`file` lies beside it; `first` and `last` are times of its readings, UTC ms; `readings` says which they are."""

    file: str
    sha256: str
    bytes: int
    lines: int
    first: int
    last: int
    site: str
    readings: list[Kept]

    def text(self) -> str:
        """As it stands on the stick."""
        return json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, indent=1) + "\n"


def slip_path(package: Path) -> Path:
    """Where a package's slip is."""
    return package.with_name(package.name.removesuffix(".lp.gz") + ".json")


def packages(folder: Path) -> list[Path]:
    """All packages of a folder in the order of their making, those too of which only the slip is left."""
    slips = {path.with_name(f"{path.stem}.lp.gz") for path in folder.glob("readings-*.json")}
    return sorted({*folder.glob("readings-*.lp.gz"), *slips})


def read_slip(package: Path) -> Slip:
    """The package's slip, checked against the package's bytes. Raises DamagedError; OSError for a bad stick, too."""
    document = _document(slip_path(package))
    try:
        if document.pop("format", None) != FORMAT or document["file"] != package.name:
            raise DamagedError(f"{slip_path(package).name} is no slip of it")
        slip = Slip(**document)
        slip.readings[:] = [(unit, boot, [(first, last) for first, last in seqs]) for unit, boot, seqs in slip.readings]
    except (TypeError, ValueError, KeyError):
        raise DamagedError(f"{slip_path(package).name} is not filled in as a slip is") from None
    try:
        with package.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise DamagedError("its slip is there, but it is not") from None
    if found != slip.sha256:
        raise DamagedError(f"its SHA-256 is {found[:16]}…, and its slip says {str(slip.sha256)[:16]}…")
    return slip


def read_lines(package: Path, slip: Slip) -> list[str]:
    """The package's lines. Raises DamagedError."""
    try:
        lines = gzip.decompress(package.read_bytes()).decode("utf-8").splitlines()
    except (gzip.BadGzipFile, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DamagedError(f"it cannot be unpacked: {error}") from None
    if len(lines) != slip.lines:
        raise DamagedError(f"it holds {len(lines)} lines, and its slip says {slip.lines}")
    return lines


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise DamagedError("it has no slip, so it was not finished") from None
    except (ValueError, RecursionError):
        raise DamagedError(f"{path.name} cannot be read as JSON") from None
    if not isinstance(document, dict):
        raise DamagedError(f"{path.name} is no slip")
    return document
