"""The printer's failures, by programs that stand in for Chromium; hil_tests/test_report.py prints with the real one."""

from pathlib import Path

import pytest

from ingest.report.pdf import PrintError, browser, print_pdf


def stand_in(folder: Path, script: str) -> str:
    program = folder / "chromium"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_without_a_browser_the_package_is_named() -> None:
    with pytest.raises(PrintError, match="apt-get install chromium"):
        browser(["no-such-browser"])


def test_the_first_browser_that_is_there_prints() -> None:
    assert browser(["no-such-browser", "sh"]).endswith("/sh")


def test_what_a_failing_browser_says_is_told_in_one_line(tmp_path: Path) -> None:
    program = stand_in(tmp_path, "echo first >&2; echo 'no room left' >&2; exit 3")
    with pytest.raises(PrintError, match="ended with 3 and printed no PDF; it says: no room left"):
        print_pdf(program, tmp_path / "page.html", tmp_path / "page.pdf")


def test_a_browser_that_prints_nothing_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(PrintError, match="printed no PDF; it says: nothing"):
        print_pdf(stand_in(tmp_path, "exit 0"), tmp_path / "page.html", tmp_path / "page.pdf")
