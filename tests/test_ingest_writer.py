from pathlib import Path
from typing import Any

import pytest

from ingest.influxdb1 import Influxdb1Settings, Influxdb1Writer
from ingest.influxdb2 import Influxdb2Settings, Influxdb2Writer
from ingest.writer import SettingsError, database_settings, open_writer

WHERE = "gateway.toml"


@pytest.fixture
def secret(tmp_path: Path) -> str:
    path = tmp_path / "secret"
    path.write_text("s3cret\n")
    return str(path)


@pytest.fixture
def v1(secret: str) -> dict[str, Any]:
    return {
        "kind": "influxdb1",
        "url": "https://influx.example.org:8086",
        "database": "powerunit",
        "user": "gateway",
        "password_file": secret,
    }


@pytest.fixture
def v2(secret: str) -> dict[str, Any]:
    return {
        "kind": "influxdb2",
        "url": "https://influx.example.org",
        "org": "trial",
        "bucket": "powerunit",
        "token_file": secret,
    }


def test_influxdb1(v1: dict[str, Any]) -> None:
    settings = database_settings(v1, WHERE)
    assert settings == Influxdb1Settings("https://influx.example.org:8086", "powerunit", "gateway", "s3cret")
    assert "s3cret" not in repr(settings)
    writer = open_writer(settings)
    writer.close()
    assert isinstance(writer, Influxdb1Writer)


def test_influxdb1_without_passwords(v1: dict[str, Any]) -> None:
    del v1["user"], v1["password_file"]
    assert database_settings(v1, WHERE) == Influxdb1Settings("https://influx.example.org:8086", "powerunit")


def test_influxdb2(v2: dict[str, Any]) -> None:
    settings = database_settings(v2, WHERE)
    assert settings == Influxdb2Settings("https://influx.example.org", "trial", "powerunit", "s3cret")
    assert "s3cret" not in repr(settings)
    writer = open_writer(settings)
    writer.close()
    assert isinstance(writer, Influxdb2Writer)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": None}, "database.kind is None; set it to influxdb1 or influxdb2"),
        ({"kind": "influxdb3"}, "database.kind is 'influxdb3'; set it to influxdb1 or influxdb2"),
        ({"kind": ["influxdb1"]}, "database.kind is ['influxdb1']; set it to influxdb1 or influxdb2"),
        ({"org": "trial"}, "database.org is no setting of influxdb1; it has kind, url, database, user, password_file"),
        ({"database": None}, "database.database is missing; give a text that is not empty"),
        ({"database": ""}, "database.database is ''; give a text that is not empty"),
        ({"database": 7}, "database.database is 7; give a text that is not empty"),
        ({"user": None}, "database.user is missing; give a text that is not empty"),
        ({"user": "a:b"}, "database.user is 'a:b'; HTTP cannot send a user name with a colon"),
        ({"password_file": None}, "database.password_file is missing; give a text that is not empty"),
        ({"url": "https://me:pw@influx"}, "database.url holds a user name; take it out, and the password into a file"),
    ],
)
def test_a_wrong_setting_is_one_line_with_the_way_out(v1: dict[str, Any], change: dict[str, Any], told: str) -> None:
    table = {key: value for key, value in (v1 | change).items() if value is not None}
    with pytest.raises(SettingsError) as caught:
        database_settings(table, WHERE)
    assert str(caught.value) == f"{WHERE}: {told}"


@pytest.mark.parametrize(
    "url",
    [
        "influx.example.org:8086",
        "ftp://influx.example.org",
        "http://",
        "http://influx:99999",
        "http://influx/?db=x",
        "http://[::1",
        "http://influx:8086:1",
    ],
)
def test_a_url_that_is_none(v1: dict[str, Any], url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        database_settings(v1 | {"url": url}, WHERE)
    assert str(caught.value) == f"{WHERE}: database.url is {url!r}; write it like https://influx.example.org:8086"


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines", b"caf\xc3\xa9"])
def test_a_secret_that_no_header_can_carry(v2: dict[str, Any], tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        database_settings(v2 | {"token_file": str(path)}, WHERE)
    assert str(caught.value).startswith(f"{WHERE}: database.token_file is {str(path)!r}")
    assert "lines" not in str(caught.value)


def test_a_secret_that_is_not_there(v2: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "nowhere"
    with pytest.raises(SettingsError) as caught:
        database_settings(v2 | {"token_file": str(path)}, WHERE)
    assert str(caught.value) == (
        f"{WHERE}: database.token_file is {str(path)!r}: No such file or directory; put the secret there"
    )
