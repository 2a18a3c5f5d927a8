import random
import threading
from collections.abc import Callable
from typing import Any

from gateway import framelog
from gateway.deadletters import FILE_BYTES, FILES_KEPT, PAYLOAD_KEPT, DeadLetters
from tests.gateway_stand_ins import RecordingDisk


def letters(disk: RecordingDisk) -> list[Any]:
    return [frame.document() for name in disk.names() for frame in framelog.scan(disk.files[name])[0]]


def test_reason_source_and_payload_are_kept_and_synced() -> None:
    disk = RecordingDisk()
    DeadLetters(disk).add("not JSON", "powerunit/v1/raft-01/reading", b"caf\xe9")
    assert letters(disk) == [
        {"reason": "not JSON", "source": "powerunit/v1/raft-01/reading", "payload": "caf\\xe9", "bytes": 4}
    ]
    assert disk.operations[-1][0] == "sync"


def test_a_long_payload_is_cut() -> None:
    disk = RecordingDisk()
    DeadLetters(disk).add("too large", "topic", b"x" * 50_000)
    assert len(letters(disk)[0]["payload"]) == PAYLOAD_KEPT
    assert letters(disk)[0]["bytes"] == 50_000


def test_the_count_goes_on_after_a_start_and_over_damage() -> None:
    disk = RecordingDisk()
    first = DeadLetters(disk)
    first.add("a", "topic", b"")
    first.add("b", "topic", b"")
    name = disk.names()[0]
    disk.files[name] += b"torn"
    again = DeadLetters(disk)
    again.add("c", "topic", b"")
    assert again.count == 3
    assert [letter["reason"] for letter in letters(disk)] == ["a", "b", "c"]


def test_their_disk_is_bounded_and_the_oldest_go_first() -> None:
    disk = RecordingDisk()
    dead = DeadLetters(disk)
    disk.files = {f"dead-letters-{number:08d}.frames": b"?" for number in range(1, FILES_KEPT + 1)}
    dead = DeadLetters(disk)
    for _ in range(3):
        dead.add("new", "topic", b"")
    assert disk.names() == [f"dead-letters-{number:08d}.frames" for number in range(2, FILES_KEPT + 2)]
    disk.files[disk.names()[-1]] += bytes(FILE_BYTES)
    DeadLetters(disk).add("newer", "topic", b"")
    assert disk.names()[-1] == f"dead-letters-{FILES_KEPT + 2:08d}.frames"


def test_a_full_disk_loses_the_letter_and_counts_it() -> None:
    disk = RecordingDisk()
    dead = DeadLetters(disk)
    disk.full = True
    dead.add("a", "topic", b"")
    disk.full = False
    dead.add("b", "topic", b"")
    assert dead.count == 2
    assert [letter["reason"] for letter in letters(disk)] == ["b"]


def test_an_unreadable_file_is_counted_and_does_not_stop_the_start() -> None:
    disk = RecordingDisk()
    DeadLetters(disk).add("a", "topic", b"")
    (name,) = disk.names()
    disk.unreadable = {name}
    dead = DeadLetters(disk)
    dead.add("b", "topic", b"")
    assert [(letter["reason"], letter["source"]) for letter in letters(disk)] == [
        ("a", "topic"),
        ("dead letters cannot be read: Input/output error", name),
        ("b", "topic"),
    ]


def test_only_the_file_that_is_written_is_kept_open() -> None:
    disk = RecordingDisk()
    dead = DeadLetters(disk)
    noise = random.Random(1)
    while len(disk.names()) < 3:
        dead.add("noise", "topic", noise.randbytes(PAYLOAD_KEPT))
    assert disk.held == {disk.names()[-1]}


class SlowDisk(RecordingDisk):
    """A recording disk on which a second thread comes while the first one writes."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = 0
        self.overlaps = 0
        self.meanwhile: Callable[[], None] = lambda: None

    def append(self, name: str, data: bytes) -> None:
        self.inside += 1
        self.overlaps += self.inside > 1
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        super().append(name, data)
        self.inside -= 1


def test_two_threads_take_turns() -> None:
    disk = SlowDisk()
    dead = DeadLetters(disk)
    second = threading.Thread(target=lambda: dead.add("second", "topic", b""))

    def come() -> None:
        second.start()
        second.join(0.05)  # it must not get on before the first one is done

    disk.meanwhile = come
    dead.add("first", "topic", b"")
    second.join()
    assert disk.overlaps == 0
    assert [letter["reason"] for letter in letters(disk)] == ["first", "second"]
