"""The page as PDF, printed by a Chromium without a window: what is seen in the browser is what is on paper."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT = 120.0
"""Seconds; an old laptop needs some ten."""


class PrintError(Exception):
    """The PDF could not be made; one line."""


def browser(names: Sequence[str] = BROWSERS) -> str:
    """The first of them that is installed. Raises PrintError."""
    for name in names:
        if path := shutil.which(name):
            return path
    raise PrintError("no Chromium, which prints the PDF; apt-get install chromium")


def print_pdf(program: str, page: Path, pdf: Path) -> None:
    """Raises PrintError. The page gets no network: it refers to nothing outside."""
    with TemporaryDirectory() as profile:
        command = [
            program,
            "--headless",
            "--disable-gpu",
            "--disable-background-networking",
            "--no-first-run",
            "--no-pdf-header-footer",
            f"--user-data-dir={profile}",
            f"--print-to-pdf={pdf.resolve()}",
            page.resolve().as_uri(),
        ]
        if os.geteuid() == 0:
            command.insert(1, "--no-sandbox")  # root has none
        try:
            ended = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False)
        except subprocess.TimeoutExpired:
            raise PrintError(f"{program} did not print {page} within {TIMEOUT:g} s; try again") from None
    if ended.returncode != 0 or not pdf.exists():
        told = ended.stderr.decode("utf-8", "replace").strip().splitlines() or ["nothing"]
        raise PrintError(f"{program} ended with {ended.returncode} and printed no PDF; it says: {told[-1]}")
