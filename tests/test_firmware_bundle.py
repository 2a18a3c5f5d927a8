import json
from pathlib import Path
from typing import Any

import pytest

from firmware.board.decode import Profile
from firmware.host.bundle import BOARD, build, main, make_folder
from ingest.settings_file import SettingsError

EXAMPLE = Path(__file__).parent.parent / "firmware" / "unit.example.toml"


def umqtt() -> bytes:
    """A stand-in for the source that PyPI has."""
    return b"class MQTTClient: pass\n"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_bundle_has_what_the_board_needs(tmp_path: Path) -> None:
    output = tmp_path / "bundle"
    files = build(EXAMPLE, output, umqtt)
    bundle = contents(output)
    assert sorted(bundle) == sorted(files)
    code = {name for name in bundle if "/" not in name and not name.endswith(".json")}
    assert code == {"main.py"} | {f"{path.stem}.mpy" for path in BOARD.glob("*.py") if path.stem != "main"}
    assert bundle["main.py"] == (BOARD / "main.py").read_bytes()
    assert "lib/umqtt/simple.mpy" in bundle
    assert [device["model"] for device in json.loads(bundle["unit.json"])["devices"]] == ["jk_pb", "epever_tracer"]
    assert Profile(json.loads(bundle["profiles/jk_pb.json"])).measurement == "bms"
    assert Profile(json.loads(bundle["profiles/epever_tracer.json"])).measurement == "charge_controller"


def test_only_the_profiles_in_use_are_in_it(tmp_path: Path) -> None:
    text = EXAMPLE.read_text("utf-8")
    unit_file = tmp_path / "unit.toml"
    unit_file.write_text(text[: text.rindex("[[devices]]")], "utf-8")
    assert "profiles/epever_tracer.json" not in build(unit_file, tmp_path / "bundle", umqtt)


def test_a_second_run_makes_the_same_and_drops_what_is_gone(tmp_path: Path) -> None:
    build(EXAMPLE, tmp_path, umqtt)
    first = contents(tmp_path)
    (tmp_path / "profiles" / "gone.json").write_text("{}")
    build(EXAMPLE, tmp_path, umqtt)
    assert contents(tmp_path) == first


def test_the_settings_are_for_the_owner_alone(tmp_path: Path) -> None:
    build(EXAMPLE, tmp_path, umqtt)
    assert (tmp_path / "unit.json").stat().st_mode & 0o077 == 0


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(SettingsError, match="holds something else than an earlier run made; name another"):
        build(EXAMPLE, tmp_path, umqtt)
    assert contents(tmp_path) == {"thesis.txt": b"years of work"}


def test_the_command_names_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unit_file = tmp_path / "unit.toml"
    unit_file.write_text(EXAMPLE.read_text("utf-8").replace("uart = 1", "uart = 7"), "utf-8")
    assert main(["--unit", str(unit_file), "--output", str(tmp_path / "bundle")]) == 2
    assert capsys.readouterr().err == f"{unit_file}:18: bus.uart: 7; give one of 1, 2\n"
    assert not (tmp_path / "bundle").exists()


class Broken(dict[str, bytes]):
    """Files of which the disk takes the first only."""

    def items(self) -> Any:
        yield next(iter(super().items()))
        raise OSError("No space left on device")


def test_a_run_that_breaks_off_leaves_the_folder_that_was_there(tmp_path: Path) -> None:
    for content in (b"old", b"new"):
        make_folder(tmp_path / "kit", {"mark": content, "of": content}, "mark")
    with pytest.raises(OSError, match="No space left"):
        make_folder(tmp_path / "kit", Broken(mark=b"half", of=b"half"), "mark")
    assert {path.name: path.read_bytes() for path in (tmp_path / "kit").iterdir()} == {"mark": b"new", "of": b"new"}
    assert [path.name for path in tmp_path.iterdir()] == ["kit"]
