import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ingest.carried import DamagedError, Slip, packages, read_lines, read_slip

LINES = ["bms,unit=raft-01 soc=1.0 1795000000000", "bms,unit=raft-01 soc=2.0 1795000010000"]


def package(folder: Path, **changes: Any) -> Path:
    """A package with its slip, made by hand."""
    path = folder / "readings-00001.lp.gz"
    data = gzip.compress("".join(f"{line}\n" for line in LINES).encode())
    path.write_bytes(data)
    slip = {
        "format": "powerunit-carried-1",
        "file": path.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "lines": 2,
        "first": 1795000000000,
        "last": 1795000010000,
        "site": "Cát Bà",
        "readings": [["raft-01", "aa", [[0, 1]]]],
    } | changes
    path.with_name("readings-00001.json").write_text(json.dumps(slip), "utf-8")
    return path


def damage(path: Path) -> str:
    with pytest.raises(DamagedError) as caught:
        read_lines(path, read_slip(path))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_package_gives_its_lines(tmp_path: Path) -> None:
    path = package(tmp_path)
    slip = read_slip(path)
    assert (slip.site, slip.readings) == ("Cát Bà", [("raft-01", "aa", [(0, 1)])])
    assert read_lines(path, slip) == LINES


def test_a_slip_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = package(tmp_path)
    slip = read_slip(path)
    path.with_name("readings-00001.json").write_text(slip.text(), "utf-8")
    assert read_slip(path) == slip
    assert isinstance(slip, Slip)


def test_any_flipped_bit_is_found(tmp_path: Path) -> None:
    path = package(tmp_path)
    whole = path.read_bytes()
    for offset in range(len(whole)):
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 1]) + whole[offset + 1 :])
        assert "SHA-256" in damage(path)


@pytest.mark.parametrize("slip", ["", "{", "[]", "[" * 100_000, "{}", '{"format": "powerunit-carried-1"}'])
def test_a_slip_that_is_none_is_named(tmp_path: Path, slip: str) -> None:
    path = package(tmp_path)
    path.with_name("readings-00001.json").write_text(slip, "utf-8")
    assert "readings-00001.json" in damage(path)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": "other"}, "is no slip of it"),
        ({"file": "readings-00002.lp.gz"}, "is no slip of it"),
        ({"colour": 1}, "not filled in"),
        ({"readings": [1]}, "not filled in"),
        ({"lines": 3}, "holds 2 lines, and its slip says 3"),
        ({"sha256": None}, "SHA-256"),
    ],
)
def test_a_slip_that_does_not_fit_is_told(tmp_path: Path, changes: dict[str, Any], told: str) -> None:
    assert told in damage(package(tmp_path, **changes))


def test_what_is_no_gzip_is_told(tmp_path: Path) -> None:
    path = package(tmp_path, sha256=hashlib.sha256(b"plain").hexdigest())
    path.write_bytes(b"plain")
    assert "cannot be unpacked" in damage(path)


def test_halves_of_a_package_are_told(tmp_path: Path) -> None:
    path = package(tmp_path)
    path.unlink()
    assert packages(tmp_path) == [path]
    assert "its slip is there, but it is not" in damage(path)
    package(tmp_path)
    path.with_name("readings-00001.json").unlink()
    assert packages(tmp_path) == [path]
    assert "has no slip" in damage(path)
