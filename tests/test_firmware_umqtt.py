import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from firmware.host import umqtt
from ingest.settings_file import SettingsError


def stand_in() -> bytes:
    """An archive of the real one's shape."""
    code = b"class MQTTClient: pass\n"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as files:
        member = tarfile.TarInfo("micropython-umqtt.simple-1.3.4/umqtt/simple.py")
        member.size = len(code)
        files.addfile(member, io.BytesIO(code))
    return archive.getvalue()


def test_it_is_fetched_once(tmp_path: Path) -> None:
    archive = stand_in()
    sha256 = hashlib.sha256(archive).hexdigest()
    folders: list[Path] = []

    def fetch(folder: Path) -> None:
        folders.append(folder)
        (folder / umqtt.ARCHIVE).write_bytes(archive)

    cache = tmp_path / "packages"
    assert umqtt.source(cache, fetch, sha256) == b"class MQTTClient: pass\n"
    assert umqtt.source(cache, fetch, sha256) == b"class MQTTClient: pass\n"
    assert len(folders) == 1
    assert [path.name for path in cache.iterdir()] == [umqtt.ARCHIVE]


def test_another_archive_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / umqtt.ARCHIVE).write_bytes(stand_in())
    with pytest.raises(SettingsError, match=f"is not the pinned {umqtt.SHA256}; delete the file and run again"):
        umqtt.source(tmp_path)


def test_without_internet_it_says_what_to_do(tmp_path: Path) -> None:
    def fetch(folder: Path) -> None:
        raise SettingsError(f"{folder.is_dir()}: no route to host")

    with pytest.raises(
        SettingsError, match=r"cannot be fetched: True: no route to host; go online once, or put micropython"
    ):
        umqtt.source(tmp_path, fetch)
    assert list(tmp_path.iterdir()) == []


def test_a_package_index_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple/")
    with pytest.raises(SettingsError):
        umqtt.fetch(tmp_path)
    assert list(tmp_path.iterdir()) == []
