from pathlib import Path

import pytest

from ingest.settings_file import SettingsError
from ingest.setup.settings import SecretFile, load

EXAMPLE = Path(__file__).parent.parent / "deploy" / "influx-setup.example.toml"


def test_the_example_is_right() -> None:
    settings = load(EXAMPLE)
    assert (settings.database, settings.retention_days, settings.org) == ("powerunit", None, None)
    assert settings.gateway.secret.path == EXAMPLE.parent / "gateway.secret"


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("retention_days = 0", "retention_days = 7", "retention_days: 7; give 0 for ever, or at least 30"),
        ("retention_days = 0", "retention_days = -1", "retention_days: -1; give a whole number"),
        ('database = "powerunit"', 'database = "power unit"', "database: 'power unit'; give letters"),
        ('name = "grafana"', 'name = "gateway"', "give admin, gateway and grafana a name each"),
        ('name = "gateway"', 'name = "gate;way"', "gateway.name: 'gate;way'; give letters"),
        ("[grafana]", "[grafanna]", "grafana: missing; give a table [grafana]"),
        ('url = "http://127.0.0.1:8086"', 'url = "http://admin:secret@db"', "url: not shown"),
        ("retention_days = 0", 'retention_days = 0\npassword = "x"', "password: no such key"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, right: str, wrong: str, told: str) -> None:
    text = EXAMPLE.read_text("utf-8")
    assert right in text
    file = tmp_path / "influx-setup.toml"
    file.write_text(text.replace(right, wrong), "utf-8")
    with pytest.raises(SettingsError) as caught:
        load(file)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_secret_is_its_owners_alone_and_replaced_as_a_whole(tmp_path: Path) -> None:
    file = SecretFile(tmp_path / "a.secret")
    assert file.read() is None
    made = file.read_or_make()
    assert file.read_or_make() == made
    file.write("another")
    assert file.read() == "another"
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["a.secret"]


@pytest.mark.parametrize("content", ["", "two\nlines\n", "pässword\n"])
def test_a_file_that_holds_no_secret_is_told_without_it(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.secret").write_text(content, "utf-8")
    with pytest.raises(SettingsError, match=r"a\.secret: not shown; put the password") as caught:
        SecretFile(tmp_path / "a.secret").read()
    assert "two" not in str(caught.value).partition("not shown")[0].rpartition("/")[2]


def test_a_folder_that_takes_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file or directory; name a file that can be written"):
        SecretFile(tmp_path / "nowhere" / "a.secret").write("x")
