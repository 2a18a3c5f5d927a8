import resource
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from gateway.disk import FolderDisk, FolderInUseError, ReadOnlyDisk


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


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_released_file_is_not_kept_open_and_can_be_continued(tmp_path: Path) -> None:
    disk = FolderDisk(tmp_path)
    before = open_files()
    for number in range(20):
        disk.append(f"segment-{number}", b"one")
        disk.sync(f"segment-{number}")
        disk.release(f"segment-{number}")
    assert open_files() == before
    disk.append("segment-3", b", two")
    assert disk.read("segment-3") == b"one, two"
    disk.close()


def test_a_renamed_file_takes_the_place_of_another(tmp_path: Path) -> None:
    disk = FolderDisk(tmp_path)
    disk.append("a", b"old")
    disk.replace("a.damaged", b"older")
    disk.rename("a", "a.damaged")
    disk.append("a", b"new")
    assert (disk.read("a"), disk.read("a.damaged")) == (b"new", b"old")
    disk.close()


def test_a_reserve_takes_room_on_the_disk(tmp_path: Path) -> None:
    disk = FolderDisk(tmp_path)
    for _ in range(2):
        disk.reserve("reserve", 100_000)
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= 100_000
    disk.close()


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Stands in for a full disk: larger files are refused to this process."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)


def test_what_the_disk_has_no_room_for_leaves_nothing_behind(tmp_path: Path) -> None:
    disk = FolderDisk(tmp_path)
    disk.append("a", b"old")
    with files_of_at_most(1000):
        with pytest.raises(OSError, match="File too large"):
            disk.replace("a", b"new" * 1000)
        with pytest.raises(OSError, match="File too large"):
            disk.reserve("reserve", 3000)
    assert disk.read("a") == b"old"
    assert disk.names() == ["a", "lock"]
    disk.close()


def test_the_size_of_a_file(tmp_path: Path) -> None:
    disk = FolderDisk(tmp_path)
    disk.append("a", b"four")
    assert disk.size("a") == ReadOnlyDisk(tmp_path).size("a") == 4
    disk.remove("a")
    with pytest.raises(FileNotFoundError):
        disk.size("a")
    assert ReadOnlyDisk(tmp_path).size("a") == 0
    disk.close()


def test_the_end_of_a_file_is_read_without_the_rest(tmp_path: Path) -> None:
    with closing(FolderDisk(tmp_path)) as disk:
        disk.append("file", b"0123456789")
        for one in (disk, ReadOnlyDisk(tmp_path)):
            assert one.read_end("file", 4) == b"6789"
            assert one.read_end("file", 100) == b"0123456789"
        assert ReadOnlyDisk(tmp_path).read_end("gone", 4) == b""
