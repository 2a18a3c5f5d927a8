"""The one place where the journal meets the file system."""

import errno
import fcntl
import os
import sys
from pathlib import Path
from typing import Protocol


class FolderInUseError(Exception):
    """Another process holds the folder."""


class Disk(Protocol):
    """Flat files in one folder. All calls raise OSError when the file system does."""

    def names(self) -> list[str]:
        """The names of all files, sorted."""

    def read(self, name: str) -> bytes:
        """The whole file."""

    def read_end(self, name: str, size: int) -> bytes:
        """The last `size` bytes of the file, or all of it."""

    def size(self, name: str) -> int:
        """How many bytes the file has."""

    def append(self, name: str, data: bytes) -> None:
        """Write at the end of the file, which is made when it is not there. Not durable before `sync`."""

    def sync(self, name: str) -> None:
        """What was appended to or truncated from the file, and the file's name, survive a power cut."""

    def truncate(self, name: str, size: int) -> None:
        """Cut the file to `size` bytes. Not durable before `sync`."""

    def replace(self, name: str, data: bytes) -> None:
        """The file holds `data` alone; after a power cut it holds either that, durably, or what it held before. What
        was removed earlier stays removed from then on.
        """

    def rename(self, name: str, new: str) -> None:
        """The file goes by a new name, durably; a file of that name is replaced."""

    def remove(self, name: str) -> None:
        """Delete the file. After a power cut it may be there again."""

    def reserve(self, name: str, size: int) -> None:
        """The file takes at least `size` bytes of the disk, whatever they hold; nothing is left of it on an error."""

    def release(self, name: str) -> None:
        """Nothing is written to the file for now; what keeps it open is given back."""

    def free(self) -> int:
        """Bytes that can still be written."""


class FolderDisk:
    """A real folder, held by this process alone until `close`."""

    def __init__(self, folder: Path) -> None:
        """Make the folder if need be and lock it. Raises OSError; FolderInUseError when another gateway has it."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._open: dict[str, int] = {}
        self._unnamed: set[str] = set()
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            if error.errno in {errno.EAGAIN, errno.EACCES}:
                raise FolderInUseError(str(folder)) from None
            raise
        self._sync_folder()  # a run that was killed may have left a name that only the page cache knows

    def close(self) -> None:
        """Let go of the folder. Nothing is synced here: what had to be durable already is."""
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()
        os.close(self._lock)

    def names(self) -> list[str]:
        """Files only; a folder in the folder is not ours."""
        return sorted(entry.name for entry in self._folder.iterdir() if entry.is_file())

    def read(self, name: str) -> bytes:
        """Through the page cache, so it sees what was appended and not yet synced."""
        return (self._folder / name).read_bytes()

    def read_end(self, name: str, size: int) -> bytes:
        """Likewise."""
        return _end(self._folder / name, size)

    def size(self, name: str) -> int:
        """stat(2)."""
        return (self._folder / name).stat().st_size

    def append(self, name: str, data: bytes) -> None:
        """A short write is continued until it fails."""
        descriptor = self._descriptor(name)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]

    def sync(self, name: str) -> None:
        """fdatasync(2), and once per new file fsync(2) of the folder, without which its name may be lost."""
        os.fdatasync(self._descriptor(name))
        if name in self._unnamed:
            self._sync_folder()
            self._unnamed.discard(name)

    def truncate(self, name: str, size: int) -> None:
        """ftruncate(2); the next append goes to the new end."""
        os.ftruncate(self._descriptor(name), size)

    def replace(self, name: str, data: bytes) -> None:
        """A new file is synced first and takes the name in one step then: rename(2)."""
        new = self._folder / f"{name}.new"
        try:
            with new.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            new.unlink(missing_ok=True)  # the half of it would keep a full disk full
            raise
        self._forget(name)
        new.replace(self._folder / name)
        self._sync_folder()

    def rename(self, name: str, new: str) -> None:
        """The name is taken in one step; the folder is synced."""
        self._forget(name)
        (self._folder / name).replace(self._folder / new)
        self._sync_folder()

    def remove(self, name: str) -> None:
        """unlink(2), the folder not synced."""
        self._forget(name)
        (self._folder / name).unlink()

    def reserve(self, name: str, size: int) -> None:
        """posix_fallocate(3): blocks are taken, none is written."""
        path = self._folder / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError:
            path.unlink()
            raise
        finally:
            os.close(descriptor)

    def release(self, name: str) -> None:
        """close(2). A name that was not synced yet is not forgotten."""
        if name in self._open:
            os.close(self._open.pop(name))

    def free(self) -> int:
        """What an ordinary user may take: statvfs(3)."""
        system = os.statvfs(self._folder)
        return system.f_bavail * system.f_frsize

    def _descriptor(self, name: str) -> int:
        if name not in self._open:
            path = self._folder / name
            if not path.exists():
                self._unnamed.add(name)
            self._open[name] = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        return self._open[name]

    def _forget(self, name: str) -> None:
        self._unnamed.discard(name)
        self.release(name)

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class ReadOnlyDisk:
    """A folder as somebody reads it who changes nothing, while another process may hold it and write. What is written
    here goes nowhere, and a file that the other one deleted is empty.
    """

    def __init__(self, folder: Path) -> None:
        """Raises OSError where there is no such folder."""
        self._folder = folder
        self.names()

    def names(self) -> list[str]:
        """Files only."""
        return sorted(entry.name for entry in self._folder.iterdir() if entry.is_file())

    def read(self, name: str) -> bytes:
        """What the file holds now."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return b""

    def read_end(self, name: str, size: int) -> bytes:
        """Likewise."""
        try:
            return _end(self._folder / name, size)
        except FileNotFoundError:
            return b""

    def size(self, name: str) -> int:
        """As the file is now."""
        return len(self.read(name))

    def append(self, name: str, data: bytes) -> None:
        """Nothing happens, as in all that follow."""

    def sync(self, name: str) -> None:  # noqa: D102
        ...

    def truncate(self, name: str, size: int) -> None:  # noqa: D102
        ...

    def replace(self, name: str, data: bytes) -> None:  # noqa: D102
        ...

    def rename(self, name: str, new: str) -> None:  # noqa: D102
        ...

    def remove(self, name: str) -> None:  # noqa: D102
        ...

    def reserve(self, name: str, size: int) -> None:  # noqa: D102
        ...

    def release(self, name: str) -> None:  # noqa: D102
        ...

    def free(self) -> int:
        """Nothing that is written here takes room."""
        return sys.maxsize


def _end(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - size))
        return file.read(size)
