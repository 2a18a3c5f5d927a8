"""What the documents say is held against what is there."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TRACKED = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
]
PAGES = [path for path in TRACKED if path.suffix == ".md"]
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    broken = [link for link in links if not link.startswith("http") and not (page.parent / link).exists()]
    assert not broken


def test_make_targets_that_the_docs_name_exist() -> None:
    named = {
        target
        for page in PAGES
        for code in re.findall(r"`[^`]*`|^ *make .*$", page.read_text("utf-8"), re.MULTILINE)
        for target in re.findall(r"\bmake ([a-z][a-z-]+)", code)
    }
    assert named <= TARGETS
    assert {"demo", "test"} <= named


def test_make_alone_lists_every_target() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", "")
    phony = set(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split())
    assert set(re.findall(r"^  make ([a-z-]+) +\S", listed, re.MULTILINE)) == TARGETS
    assert phony - {"demo-packages", "test-packages"} == TARGETS


def test_every_folder_of_the_house_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    folders = {path.relative_to(ROOT).parts[0] for path in TRACKED if len(path.relative_to(ROOT).parts) > 1}
    missing = [folder for folder in folders - {".ci"} if f"`{folder}/" not in readme and f"{folder}/" not in readme]
    assert not missing
