"""Runs under CPython and MicroPython; see run.py. Flash that lies, fails or is not there; power cuts are in micropython/."""

import os

from spool import PATIENCE, RAM_LIMIT, Spool
from spooling import EARLIER, LATER, ROOT, Folder, Source, add, contents, filled, seqs, taken


def damage_in_the_middle(content):
    at = len(content) // 2
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]


def test_damage_costs_one_batch_and_is_told_as_a_loss():
    with Folder() as folder:
        filled(folder, EARLIER, 30)
        folder.change("000001-0-" + EARLIER, damage_in_the_middle)
        spool = folder.start(LATER)
        readings = taken(spool)
        kept = [reading[1] for reading in readings if b'"loss"' not in reading[3]]
        spool.rewind()
        again = taken(spool)
        assert [reading[1] for reading in again if b'"loss"' not in reading[3]] == kept
        missing = [seq for seq in range(30) if seq not in kept]
        assert missing == list(range(missing[0], missing[-1] + 1)) and 1 <= len(missing) <= 4
        told = [reading for reading in again if b'"loss"' in reading[3]]
        assert [reading[:2] for reading in told] == [(EARLIER, missing[0])]
        signals = contents(told)[0]["signals"]
        assert (signals["readings"], signals["last_seq"], signals["reason"]) == (
            len(missing), missing[-1], "flash_damaged",
        )  # fmt: skip
        assert spool.lost == len(missing) and len(folder.said) == 1 and "damaged" in folder.said[0]
        spool.acknowledge(EARLIER, 30, [])
        assert spool.readings() == 0 and folder.files() == [] and taken(spool) == []


def test_damage_anywhere_costs_little_and_stops_nothing():
    """Save in a layout, which costs what it describes: but a file is all that it is for."""
    with Folder() as folder:
        filled(folder, EARLIER, 30)
        name = folder.files()[0]
        with open(ROOT + "/" + name, "rb") as file:
            content = file.read()
        for at in range(0, len(content), 3):
            for other in folder.files():
                os.remove(ROOT + "/" + other)
            with open(ROOT + "/" + name, "wb") as file:
                file.write(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
            spool = folder.start(LATER)
            given = set(seqs(spool))
            kept = set(seqs_without_losses(spool))
            assert len(kept) >= 26 or at < 60, (at, len(kept))
            hidden = 29 not in kept  # and nothing behind it tells how many there were
            assert spool.lost == (1 if hidden and kept else 30 - len(kept)) and not kept - given, (at, spool.lost)


def test_a_torn_tail_costs_only_itself():
    with Folder() as folder:
        filled(folder, EARLIER, 5)
        folder.change("000001-0-" + EARLIER, lambda content: content[:-10])
        spool = folder.start(LATER)
        assert spool.readings() == 4 and seqs(spool) == [0, 1, 2, 3, 4]
        assert seqs_without_losses(spool) == [0, 1, 2, 3] and spool.lost == 1


def test_a_segment_is_removed_when_only_its_damage_is_left():
    with Folder() as folder:
        filled(folder, EARLIER, 30)
        folder.change("000001-0-" + EARLIER, damage_in_the_middle)
        spool = folder.start(LATER)
        taken(spool)
        missing = [seq for seq in range(30) if seq not in seqs_without_losses(spool)]
        spool.acknowledge(EARLIER, missing[0] - 1, [(missing[0], missing[0]), (missing[-1] + 1, 29)])
        spool.rewind()
        assert seqs(spool) == [] and folder.files() == [] and spool.readings() == 0


def seqs_without_losses(spool):
    spool.rewind()
    return [reading[1] for reading in taken(spool) if b'"loss"' not in reading[3]]


def test_rubbish_in_the_folder_never_stops_the_start():
    with Folder() as folder:
        filled(folder, EARLIER, 2)
        for name, content in (
            ("000002-0-" + EARLIER, b""),
            ("000003-0-" + EARLIER, b"\xff" * 9000),
            ("000004-1-" + EARLIER, b"\xd5\xb5" * 500),
            ("notes", b"x"),
            ("a-b-c", b"x"),
        ):
            with open(ROOT + "/" + name, "wb") as file:
                file.write(content)
        spool = folder.start(LATER)
        assert seqs(spool) == [0, 1] and spool.lost == 2
        add(spool, 0)
        spool.keep(PATIENCE)
        assert folder.files() == ["000001-0-" + EARLIER, "000005-0-" + LATER, "a-b-c", "damaged", "notes"]


def test_flash_that_fails_costs_the_oldest_and_is_told_once():
    with Folder() as folder:
        spool = folder.start(LATER)
        os.mkdir(ROOT + "/000001-0-" + LATER)  # where the segment would be written
        for number in range(100):
            add(spool, number, number)
            spool.keep(number + PATIENCE)
        os.rmdir(ROOT + "/000001-0-" + LATER)
        spool.rewind()
        readings = taken(spool)
        left = [reading[1] for reading in readings if b'"loss"' not in reading[3]]
        assert left == list(range(100 - len(left), 100)) and RAM_LIMIT <= len(left) < 2 * RAM_LIMIT
        assert spool.lost == 100 - len(left)
        told = [content["signals"] for content in contents(readings) if content["measurement"] == "loss"]
        assert [(loss["readings"], loss["last_seq"]) for loss in told] == [(spool.lost, left[0] - 1)]
        assert len(folder.said) == 1 and "flash takes no readings" in folder.said[0]
        spool.keep(100000)
        assert folder.files() == ["000001-0-" + LATER] and "takes readings again" in folder.said[1]


def test_a_file_that_cannot_be_read_stops_neither_start_nor_the_others():
    with Folder() as folder:
        filled(folder, EARLIER, 3)
        os.mkdir(ROOT + "/000002-0-" + EARLIER)  # reading it fails, and so does removing it
        spool = folder.start(LATER)
        assert seqs(spool) == [0, 1, 2] and spool.lost == 1 and "cannot be read" in folder.said[0]
        add(spool, 0)
        spool.keep(PATIENCE)
        assert seqs(folder.start(LATER)) == [0, 1, 2, 0]
        os.rmdir(ROOT + "/000002-0-" + EARLIER)


def test_without_a_folder_the_readings_stay_in_ram():
    said = []
    spool = Spool(ROOT + "/not/there", LATER, 1_000_000, said.append)
    add(spool, 0)
    spool.keep(PATIENCE)
    assert seqs(spool) == [0] and len(said) == 1 and "stay in RAM" in said[0]


def test_odd_errors_without_end_fill_neither_heap_nor_flash():
    with Folder() as folder:
        spool = folder.start(EARLIER)
        for number in range(200):
            spool.add(Source, number * 10000, None, {}, "error %d" % number)
            spool.keep(number * 10000)
        spool.write()
        assert len(spool._dictionary.definitions) < 60
        assert [content["error"] for content in contents(taken(folder.start(LATER)))] == [
            "error %d" % number for number in range(200)
        ]
