import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway import export as export_room
from gateway.deadletters import DeadLetters
from gateway.disk import FolderDisk
from gateway.event import event
from gateway.export import Exported, export
from gateway.journal import Journal
from gateway.ledger import Origin
from gateway.lines import LineMaker
from gateway.message import LARGEST_UP
from ingest.carried import packages, read_lines, read_slip
from ingest.settings_file import SettingsError
from tests.gateway_stand_ins import BOOT, UNIT, UTC_2026, RecordingDisk, entry

KEY = (UNIT, BOOT)


class Gateway:
    """A journal in memory, and a stick to carry it on."""

    def __init__(self, stick: Path) -> None:
        self.stick = stick
        self.journal = Journal(RecordingDisk())
        self.lines = LineMaker("rig", self.journal.origin, DeadLetters(RecordingDisk()))

    def store(self, *seqs: int, **changes: Any) -> None:
        self.journal.commit([entry(seq, (UTC_2026 + 1000 * seq, "gateway"), **changes) for seq in seqs])

    def export(self, *, everything: bool = False, since_ms: int = 0, site: str = "rig") -> Exported:
        return export(self.stick, site, self.journal.past.stored(forwarded=everything), self.lines, since_ms)

    def forward_all(self) -> Sequence[str]:
        """The lines that the link would bring."""
        frames = self.journal.take(
            newest=False, below=self.journal.next_frame, readings=10**6, busy=(), datable=self.lines.datable
        )
        self.journal.forwarded([frame.mark for frame in frames])
        return [line for frame in frames for line in self.lines.of(frame)]


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return Gateway(tmp_path / "stick")


def carried(stick: Path) -> list[str]:
    return [line for package in packages(stick) for line in read_lines(package, read_slip(package))]


def test_what_is_carried_is_what_the_link_would_bring(gateway: Gateway) -> None:
    gateway.store(0, 1, 2)
    gateway.journal.commit([entry(7, None)])
    gateway.journal.freeze_origin(KEY, Origin(UTC_2026 - 5, "late", LARGEST_UP))
    assert gateway.export() == Exported(packages=1, readings=4)
    assert carried(gateway.stick) == gateway.forward_all()


def test_the_slip_says_what_is_in_the_package(gateway: Gateway) -> None:
    gateway.store(3, 4, 9)
    gateway.export()
    slip = json.loads((gateway.stick / "readings-00001.json").read_text("utf-8"))
    data = (gateway.stick / "readings-00001.lp.gz").read_bytes()
    assert (slip["site"], slip["lines"], slip["bytes"]) == ("rig", 3, len(data))
    assert (slip["first"], slip["last"]) == (UTC_2026 + 3000, UTC_2026 + 9000)
    assert slip["readings"] == [[UNIT, BOOT, [[3, 4], [9, 9]]]]
    assert len(gzip.decompress(data).splitlines()) == 3


def test_a_reading_without_a_time_stays_and_is_counted(gateway: Gateway) -> None:
    gateway.journal.commit([entry(0, None)])
    assert gateway.export() == Exported(without_time=1)
    assert packages(gateway.stick) == []
    gateway.journal.freeze_origin(KEY, Origin(UTC_2026, "late", LARGEST_UP))
    assert gateway.export() == Exported(packages=1, readings=1)


def test_the_same_command_again_adds_only_what_has_come_since(gateway: Gateway) -> None:
    gateway.store(0, 1)
    gateway.export()
    gateway.store(2)
    assert gateway.export() == Exported(packages=1, readings=1, there_before=2)
    assert len(carried(gateway.stick)) == 3


def test_what_the_database_has_is_carried_only_when_asked_for(gateway: Gateway) -> None:
    gateway.store(0, 1)
    gateway.forward_all()
    gateway.store(2)
    assert gateway.export().readings == 1
    assert gateway.export(everything=True, since_ms=UTC_2026 + 1000).readings == 1
    assert sorted(line.rsplit(" ", 1)[1] for line in carried(gateway.stick)) == [
        str(UTC_2026 + 1000),
        str(UTC_2026 + 2000),
    ]


def test_a_stick_pulled_at_any_write_holds_whole_packages_and_the_rest_follows(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_room, "PACKAGE_READINGS", 2)
    gateway.store(*range(6))
    whole = FolderDisk.replace
    for writes in range(6):
        left = [writes]

        def pulled(disk: FolderDisk, name: str, data: bytes, left: list[int] = left) -> None:
            if not left[0]:
                raise OSError(5, "Input/output error")
            left[0] -= 1
            whole(disk, name, data)

        monkeypatch.setattr(FolderDisk, "replace", pulled)
        gateway.stick = gateway.stick.with_name(f"stick{writes}")
        with pytest.raises(OSError, match="Input/output"):
            gateway.export()
        monkeypatch.setattr(FolderDisk, "replace", whole)
        exported = gateway.export()
        assert (exported.there_before, exported.readings) == (writes // 2 * 2, 6 - writes // 2 * 2)
        assert sorted(carried(gateway.stick)) == sorted(
            gateway.lines.of(frame)[number]
            for frame in gateway.journal.past.stored(forwarded=False)
            for number in range(6)
        )


def test_readings_of_a_damaged_package_come_again(gateway: Gateway) -> None:
    gateway.store(0)
    gateway.export()
    (gateway.stick / "readings-00001.lp.gz").write_bytes(b"what was left of it")
    assert gateway.export() == Exported(packages=1, readings=1)
    assert (gateway.stick / "readings-00002.lp.gz").exists()


def test_two_sites_do_not_share_a_folder(gateway: Gateway) -> None:
    gateway.store(0)
    gateway.export()
    with pytest.raises(SettingsError, match="carries readings of site 'rig', not 'bay'; give another folder"):
        gateway.export(site="bay")


def test_two_exports_do_not_share_a_folder_at_a_time(gateway: Gateway) -> None:
    other = FolderDisk(gateway.stick)
    with pytest.raises(SettingsError, match="another export"):
        gateway.export()
    other.close()


def test_an_event_is_carried_beside_the_reading_that_made_it(gateway: Gateway) -> None:
    gateway.store(0)
    made = event(entry(0, (UTC_2026, "gateway")), "soc_low", 19.0, "low", is_on=True)
    gateway.journal.commit([made])
    assert gateway.export().readings == 2
    lines = carried(gateway.stick)
    assert [line.split(",", 1)[0] for line in lines] == ["bms", "event"]
    assert gateway.export().there_before == 1
    assert sorted(lines) == sorted(gateway.forward_all())


def test_what_the_database_has_is_carried_as_long_as_it_is_here(gateway: Gateway) -> None:
    gateway.journal = Journal(RecordingDisk(), segment_bytes=1)
    gateway.store(0)
    gateway.store(1)
    lines = gateway.forward_all()
    assert gateway.export().readings == 0
    assert gateway.export(everything=True).readings == 2
    assert carried(gateway.stick) == lines
