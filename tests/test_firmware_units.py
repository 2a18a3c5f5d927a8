from pathlib import Path

import pytest

from firmware.host.units import settings, settings_file
from ingest.settings_file import SettingsError


def test_a_name_is_a_file_in_the_folder_and_a_path_is_itself(tmp_path: Path) -> None:
    file = tmp_path / "raft-01.toml"
    file.touch()
    assert settings_file("raft-01", tmp_path) == file
    assert settings_file(str(file), Path("elsewhere")) == file


def test_a_file_that_makes_another_unit_than_it_is_named_after_is_one_line(tmp_path: Path) -> None:
    example = (Path(__file__).parent.parent / "firmware" / "unit.example.toml").read_text("utf-8")
    for name in ("raft-01", "raft-02"):
        (tmp_path / f"{name}.toml").write_text(example, "utf-8")
    assert settings("raft-01", tmp_path)["unit"] == "raft-01"
    with pytest.raises(SettingsError, match=r"raft-02\.toml: unit: 'raft-01' in a file named after raft-02; give both"):
        settings("raft-02", tmp_path)


def test_an_unknown_unit_is_one_line_that_names_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "raft-01.toml").touch()
    with pytest.raises(SettingsError, match=r"raft-7\.toml: no such settings; copy .*: raft-01$"):
        settings_file("raft-7", tmp_path)
