import hashlib
import json
from pathlib import Path

import pytest

from firmware.host.bundle import BOARD, firmware_version
from firmware.host.kit import build, main, open_kit
from firmware.host.profile import known_models
from hil_tests.micropython_image import stand_in
from ingest.settings_file import SettingsError

UMQTT = b"class MQTTClient: pass\n"
"""A stand-in for the source that PyPI has."""
IMAGE = stand_in()


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    build(tmp_path / "kit", IMAGE, "stand-in", UMQTT)
    return tmp_path / "kit"


def test_a_kit_has_image_firmware_umqtt_every_profile_and_no_settings(kit: Path) -> None:
    opened = open_kit(kit)
    assert (opened.firmware, opened.micropython, opened.image) == (firmware_version(), "stand-in", IMAGE)
    names = set(opened.files)
    assert {"main.py", "lib/umqtt/simple.mpy"} <= names
    assert {f"{path.stem}.mpy" for path in BOARD.glob("*.py") if path.stem != "main"} <= names
    assert {f"profiles/{model}.json" for model in known_models()} <= names
    assert "unit.json" not in names


def test_the_manifest_has_the_checksum_of_every_other_file(kit: Path) -> None:
    sums = json.loads((kit / "manifest.json").read_text())["sha256"]
    files = {path.relative_to(kit).as_posix(): path for path in kit.rglob("*") if path.is_file()}
    assert sums == {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items() if name != "manifest.json"
    }


def test_a_second_run_makes_the_same(kit: Path) -> None:
    before = {path: path.read_bytes() for path in kit.rglob("*") if path.is_file()}
    build(kit, IMAGE, "stand-in", UMQTT)
    assert {path: path.read_bytes() for path in kit.rglob("*") if path.is_file()} == before


def test_a_damaged_a_missing_and_a_foreign_file_are_one_line(kit: Path) -> None:
    image = kit / "micropython.bin"
    image.write_bytes(IMAGE[:-1] + b"\0")
    with pytest.raises(
        SettingsError, match=r"micropython\.bin: damaged, its SHA-256 is not the manifest's; make it anew"
    ):
        open_kit(kit)
    image.unlink()
    with pytest.raises(SettingsError, match=r"micropython\.bin: missing; make it anew with make bundle"):
        open_kit(kit)
    image.write_bytes(IMAGE)
    (kit / "board" / "link.py").write_text("")
    with pytest.raises(SettingsError, match=r"board/link\.py: not of the kit; take it away"):
        open_kit(kit)


@pytest.mark.parametrize(
    "manifest", ["", "{", "[]", "7", '{"format": 1, "sha256": [], "firmware": "", "micropython": ""}', '{"format": 1}']
)
def test_a_damaged_manifest_is_one_line(kit: Path, manifest: str) -> None:
    (kit / "manifest.json").write_text(manifest)
    with pytest.raises(SettingsError, match=r"manifest\.json: damaged; make it anew with make bundle"):
        open_kit(kit)


def test_no_kit_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no kit; make it anew with make bundle"):
        open_kit(tmp_path)


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(SettingsError, match="holds something else than an earlier run made"):
        build(tmp_path, IMAGE, "stand-in", UMQTT)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_image_for_another_chip_is_refused_and_no_kit_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "ESP32_GENERIC_C3.bin"
    image.write_bytes(stand_in(chip=5))
    assert main(["--output", str(tmp_path / "kit"), "--image", str(image)]) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith("ESP32_GENERIC_C3.bin: made for chip number 5")
    assert complaint.count("\n") == 1
    assert not (tmp_path / "kit").exists()


def test_an_image_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--output", str(tmp_path / "kit"), "--image", str(tmp_path / "gone.bin")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
