from pathlib import Path

import pytest

from gateway.disk import FolderDisk, FolderInUseError


def test_what_is_appended_replaced_and_cut_is_in_the_files(tmp_path: Path) -> None:
    disk = FolderDisk(tmp_path / "journal")
    disk.append("a", b"one")
    disk.append("a", b"two")
    disk.sync("a")
    disk.truncate("a", 4)
    disk.append("a", b"!")
    disk.replace("b", b"old")
    disk.append("b", b"er")
    disk.replace("b", b"new")
    disk.append("b", b"er")
    disk.append("c", b"gone")
    disk.remove("c")
    disk.close()
    assert (tmp_path / "journal" / "a").read_bytes() == b"onet!"
    assert (tmp_path / "journal" / "b").read_bytes() == b"newer"
    assert sorted(path.name for path in (tmp_path / "journal").iterdir()) == ["a", "b", "lock"]


def test_files_of_an_earlier_run_are_continued(tmp_path: Path) -> None:
    for text in (b"first ", b"second"):
        disk = FolderDisk(tmp_path)
        disk.append("a", text)
        disk.sync("a")
        disk.close()
    disk = FolderDisk(tmp_path)
    assert disk.read("a") == b"first second"
    assert disk.names() == ["a", "lock"]
    disk.close()


def test_a_folder_is_held_by_one_gateway_only(tmp_path: Path) -> None:
    first = FolderDisk(tmp_path)
    with pytest.raises(FolderInUseError):
        FolderDisk(tmp_path)
    first.close()
    FolderDisk(tmp_path).close()


def test_a_file_in_the_folders_place_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("not a folder")
    with pytest.raises(OSError, match="File exists"):
        FolderDisk(tmp_path / "journal")
