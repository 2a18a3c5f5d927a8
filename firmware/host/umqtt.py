"""umqtt.simple from PyPI: the one file of it that the board needs, checked against a pinned hash.

Its source archive has no setup.py, so pip refuses it; unearth fetches it without building.
"""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from ingest.settings_file import SettingsError

REQUIREMENT = "micropython-umqtt.simple==1.3.4"
ARCHIVE = "micropython-umqtt.simple-1.3.4.tar.gz"
SHA256 = "b6a2520239e3992c63a7de9370ee9b3d9d27819a90359c521f1c0f7ccab8d12f"

_MEMBER = "micropython-umqtt.simple-1.3.4/umqtt/simple.py"
_FETCH_TIMEOUT = 120


def fetch(folder: Path) -> None:
    """Download the archive into `folder`, from the package index that pip is set to. Raises SettingsError."""
    index = os.environ.get("PIP_INDEX_URL")
    command = [sys.executable, "-m", "unearth", "--download", str(folder), REQUIREMENT]
    try:
        subprocess.run(
            [*command, "--index-url", index] if index else command,
            capture_output=True,
            text=True,
            timeout=_FETCH_TIMEOUT,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise SettingsError(f"no answer in {_FETCH_TIMEOUT} s") from None
    except subprocess.CalledProcessError as error:
        raise SettingsError((error.stderr.strip().splitlines() or ["unearth failed"])[-1]) from None


def source(cache: Path, fetch: Callable[[Path], None] = fetch, sha256: str = SHA256) -> bytes:
    """`umqtt/simple.py`, from the archive in `cache`, which is fetched when it is not there.

    Raises SettingsError when it cannot be had, or is not the archive that we pinned.
    """
    archive = cache / ARCHIVE
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=cache) as folder:
            try:
                fetch(Path(folder))
                (Path(folder) / ARCHIVE).replace(archive)
            except (SettingsError, OSError) as error:
                hint = f"go online once, or put {ARCHIVE} into {cache}"
                raise SettingsError(f"{REQUIREMENT} cannot be fetched: {error}; {hint}") from None
    content = archive.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise SettingsError(f"{archive}: SHA-256 {found} is not the pinned {sha256}; delete the file and run again")
    with tarfile.open(fileobj=io.BytesIO(content)) as files:
        member = files.extractfile(_MEMBER)
        assert member is not None  # noqa: S101  the hash says that it is there
        return member.read()
