import hashlib
from pathlib import Path

import pytest
from esptool.bin_image import LoadFirmwareImage

from firmware.host.image import ADDRESS, Pin, Region, file_system, pin, pinned
from hil_tests.micropython_image import PARTITIONS, stand_in
from ingest.settings_file import SettingsError

CONTENT = b"what the address gives"
PIN = Pin("1.2.3", "https://example.org/ESP32_GENERIC-v1.2.3.bin", hashlib.sha256(CONTENT).hexdigest())


def refuses(url: str) -> bytes:
    raise OSError(f"no route to {url[8:19]}")


def test_the_project_has_a_pin() -> None:
    chosen = pin()
    assert chosen.name == f"ESP32_GENERIC-20260406-v{chosen.version}.bin"


def test_a_pin_without_its_checksum_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "micropython.toml"
    file.write_text('version = "1.2.3"\nurl = "https://example.org/a.bin"\n')
    with pytest.raises(SettingsError, match="sha256: missing; give the image's SHA-256"):
        pin(file)


def test_it_is_fetched_once(tmp_path: Path) -> None:
    asked: list[str] = []

    def download(url: str) -> bytes:
        asked.append(url)
        return CONTENT

    assert pinned(PIN, tmp_path / "cache", download) == CONTENT
    assert pinned(PIN, tmp_path / "cache", refuses) == CONTENT
    assert asked == [PIN.url]


def test_without_internet_it_is_one_line_that_tells_how_to_give_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        pinned(PIN, tmp_path, refuses)
    hint = "go online once, or give the image with IMAGE=ESP32_GENERIC-v1.2.3.bin"
    assert str(error.value) == f"{PIN.url} cannot be had: no route to example.org; {hint}"


def test_another_file_than_the_pinned_one_is_refused_and_not_kept(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"SHA-256 [0-9a-f]{64} is not the pinned [0-9a-f]{64}; give the image by hand"
    ):
        pinned(PIN, tmp_path, lambda _: b"a captive portal's page")
    assert not list(tmp_path.iterdir())


def test_a_kept_file_that_was_damaged_is_refused(tmp_path: Path) -> None:
    (tmp_path / PIN.name).write_bytes(b"half")
    with pytest.raises(SettingsError, match=r"is not the pinned .*; delete it and run again"):
        pinned(PIN, tmp_path, refuses)


def test_esptool_finds_the_stand_in_whole() -> None:
    application = LoadFirmwareImage("esp32", stand_in()[0x10000 - ADDRESS :])
    assert application.checksum == application.calculate_checksum()
    assert application.stored_digest == application.calc_digest


def test_the_file_system_is_where_the_partition_table_says() -> None:
    assert file_system(stand_in(), "a.bin") == Region(0x200000, 0x200000)
    elsewhere = stand_in(partitions=(*PARTITIONS, (b"vfs", 1, 0x81, 0x300000, 0x100000)))
    assert file_system(elsewhere, "a.bin") == Region(0x300000, 0x100000)


@pytest.mark.parametrize(
    ("image", "complaint"),
    [
        (b"", "no firmware image"),
        (b"\xe9" * 100, "no firmware image"),
        (b"<html>" + bytes(100_000), "no firmware image"),
        (stand_in(chip=9), r"made for chip number 9, not for the ESP32 \(0\)"),
        (stand_in()[:-1], "cut off or damaged, its own SHA-256 does not fit"),
        (stand_in()[:0x9000], "cut off or damaged, its own SHA-256 does not fit"),
        (stand_in()[:0x10000] + b"?" + stand_in()[0x10001:], "cut off or damaged"),
        (stand_in(partitions=PARTITIONS), r"its partition table has no file system \(vfs\)"),
    ],
)
def test_what_is_no_micropython_for_the_esp32_is_one_line(image: bytes, complaint: str) -> None:
    with pytest.raises(SettingsError, match=rf"^a\.bin: {complaint}.*; give MicroPython's \.bin for ESP32_GENERIC$"):
        file_system(image, "a.bin")
