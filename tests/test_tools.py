"""What `make` uses to install packages, on machines that lack this and that."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).parent.parent / "tools"


@pytest.fixture
def bare_machine(tmp_path: Path) -> Path:
    """A PATH on which there is nothing but a shell."""
    for program in ("bash", "env", "id"):
        found = shutil.which(program)
        assert found
        (tmp_path / program).symlink_to(found)
    return tmp_path


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).write_text(f"#!/bin/bash\n{script}\n")
    (folder / name).chmod(0o755)


def debian_packages(path: Path, *names: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TOOLS / "debian-packages", *names],
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_without_apt_it_says_what_to_install_by_hand(bare_machine: Path) -> None:
    result = debian_packages(bare_machine, "python3", "mosquitto", "influxdb", "chromium")
    assert result.returncode == 2
    assert result.stderr == (
        "missing: python3 mosquitto influxdb chromium, and this machine has no apt-get; "
        "install by hand what Debian calls: python3-venv mosquitto influxdb chromium chromium-driver\n"
    )
    assert result.stdout == ""


def test_what_is_there_is_skipped_in_silence(bare_machine: Path) -> None:
    for name in ("mosquitto", "mosquitto_passwd", "influxd"):
        program(bare_machine, name, "exit 0")
    result = debian_packages(bare_machine, "mosquitto", "influxdb")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_only_what_is_missing_is_installed_and_it_says_so(bare_machine: Path) -> None:
    program(bare_machine, "influxd", "exit 0")
    program(bare_machine, "id", "echo 1000")
    program(bare_machine, "sudo", 'echo "as root: $*"')
    program(bare_machine, "apt-get", "exit 1")
    result = debian_packages(bare_machine, "influxdb", "nginx")
    assert result.returncode == 0, result.stderr
    assert "Installing Debian packages: nginx-light\n" in result.stdout
    assert "install -q -y --no-install-recommends nginx-light" in result.stdout
    assert "influxdb" not in result.stdout


def test_without_root_and_sudo_it_says_what_root_has_to_do(bare_machine: Path) -> None:
    program(bare_machine, "apt-get", "exit 1")
    program(bare_machine, "id", "echo 1000")
    result = debian_packages(bare_machine, "nginx")
    assert result.returncode == 2
    assert result.stderr == "missing: nginx; as root, run: apt-get install nginx-light\n"


def test_an_old_python_is_named(tmp_path: Path) -> None:
    program(tmp_path, "python3.9", "exit 1")
    result = subprocess.run(
        [TOOLS / "python-packages", tmp_path / "python3.9", tmp_path / "venv"],
        cwd=TOOLS.parent,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 2
    assert result.stderr == f"{tmp_path}/python3.9 is not Python 3.11 or newer: name one with make PYTHON=…\n"


def pinned(lock: Path) -> set[str]:
    """Each package with its version and its hashes."""
    return set(lock.read_text("utf-8").replace("\\\n", " ").splitlines())


def test_the_gateway_is_installed_with_what_the_tests_ran_with() -> None:
    gateway, all_packages = (pinned(TOOLS.parent / lock) for lock in ("deploy/requirements.lock", "requirements.lock"))
    assert gateway < all_packages
    assert any(line.startswith("paho-mqtt==") for line in gateway)
    assert not any(line.startswith(("pytest==", "mypy==")) for line in gateway)
