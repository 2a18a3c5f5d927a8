import re
import tomllib
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parent.parent
DOCS = (REPOSITORY / "docs" / "gateway.md").read_text("utf-8")


def test_the_docs_name_just_the_settings_of_the_example() -> None:
    text = (REPOSITORY / "deploy" / "gateway.example.toml").read_text("utf-8")
    other_kind = re.sub(r"(?m)^# (?=\w+ = )", "", text)
    tables: dict[str, Any] = tomllib.loads(other_kind)
    keys = {f"{table}.{key}" for table, values in tables.items() if isinstance(values, dict) for key in values}
    section = DOCS.split("## Settings")[1]
    assert set(re.findall(r"`([a-z]+\.[a-z_]+)`", section)) - {"gateway.md"} == keys


def test_the_docs_name_files_that_are_there() -> None:
    for name in re.findall(r"`(?:gateway/)?([a-z]+\.py)`", DOCS):
        assert (REPOSITORY / "gateway" / name).is_file(), name
