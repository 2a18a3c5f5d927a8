"""What goes wrong before a board is there; hil_tests/test_deploy.py tests the copying, on the rig's board."""

from pathlib import Path

import pytest

from firmware.host.deploy import main


def test_a_folder_that_is_no_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "/dev/ttyUSB0", "--bundle", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"{tmp_path}: no bundle; make one with python -m firmware.host.bundle\n"


def test_a_port_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "unit.json").write_text("{}")
    port = str(tmp_path / "ttyUSB9")
    assert main(["--port", port, "--bundle", str(tmp_path)]) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith(f"{port}: ")
    assert complaint.count("\n") == 1
    assert "check cable and port" in complaint
