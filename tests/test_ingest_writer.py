import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from ingest.database import DatabaseSettings, Influxdb1Settings, Influxdb2Settings
from ingest.influxdb import InfluxdbWriter
from ingest.settings_file import SettingsError, Table
from ingest.writer import database_settings, open_writer

ROOT = Path(__file__).parent.parent
WHERE = "gateway.toml: database"
URL_WAY_OUT = "write it like https://influx.example.org:8086, with user and password under keys of their own"


def read(entries: dict[str, Any]) -> DatabaseSettings:
    table = Table("gateway.toml", {"database": entries}).table("database")
    settings = database_settings(table)
    table.refuse_unknown()
    return settings


def refusal(entries: dict[str, Any]) -> str:
    with pytest.raises(SettingsError) as caught:
        read(entries)
    return str(caught.value)


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
    settings = read(v1)
    assert settings == Influxdb1Settings("https://influx.example.org:8086", "powerunit", "gateway", "s3cret")
    assert "s3cret" not in repr(settings)
    writer = open_writer(settings)
    writer.close()
    assert isinstance(writer, InfluxdbWriter)


def test_influxdb1_without_passwords(v1: dict[str, Any]) -> None:
    del v1["user"], v1["password_file"]
    assert read(v1) == Influxdb1Settings("https://influx.example.org:8086", "powerunit")


def test_influxdb2(v2: dict[str, Any]) -> None:
    settings = read(v2)
    assert settings == Influxdb2Settings("https://influx.example.org", "trial", "powerunit", "s3cret")
    assert "s3cret" not in repr(settings)
    writer = open_writer(settings)
    writer.close()
    assert isinstance(writer, InfluxdbWriter)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kind": None}, "kind: missing; give one of influxdb1, influxdb2"),
        ({"kind": "influxdb3"}, "kind: 'influxdb3'; give one of influxdb1, influxdb2"),
        ({"kind": ["influxdb1"]}, "kind: ['influxdb1']; give one of influxdb1, influxdb2"),
        ({"org": "trial"}, "org: no such key; known here are kind, url, database, user, password_file"),
        ({"database": None}, "database: missing; give a text that is not empty, in one line"),
        ({"database": ""}, "database: ''; give a text that is not empty, in one line"),
        ({"database": 7}, "database: 7; give a text that is not empty, in one line"),
        ({"user": None}, "user: missing; give a text that is not empty, in one line"),
        ({"user": "a:b"}, "user: 'a:b'; give one without a colon, which HTTP cannot send"),
        ({"password_file": None}, "password_file: missing; give a text that is not empty, in one line"),
        ({"url": None}, f"url: missing; {URL_WAY_OUT}"),
    ],
)
def test_a_wrong_setting_is_one_line_with_the_way_out(v1: dict[str, Any], change: dict[str, Any], told: str) -> None:
    assert refusal({key: value for key, value in (v1 | change).items() if value is not None}) == f"{WHERE}.{told}"


@pytest.mark.parametrize(
    "url",
    [
        "influx.example.org:8086",
        "ftp://influx.example.org",
        "http://",
        "http://influx:99999",
        "http://[::1",
        "http://influx:8086:1",
        "http://exa%20mple:8086",
        "http://a..b:8086",
        "http://300.0.0.1:8086",
        "http://influx\\x:8086",
    ],
)
def test_a_url_that_is_none(v1: dict[str, Any], url: str) -> None:
    assert refusal(v1 | {"url": url}) == f"{WHERE}.url: {url!r}; {URL_WAY_OUT}"


@given(url=st.text("htp:/[]%.-\\\u00fc\u3002ab1 ", max_size=12).map("http://".__add__))
def test_with_every_url_that_is_taken_a_writer_can_be_built(url: str) -> None:
    try:
        settings = read({"kind": "influxdb1", "url": url, "database": "powerunit"})
    except SettingsError:
        return
    open_writer(settings).close()
    open_writer(Influxdb2Settings(url, "trial", "powerunit", "s3cret")).close()
    assert urlsplit(url).hostname == urllib3.util.parse_url(url).host


@pytest.mark.parametrize("url", ["http://exa mple:8086", "http://influx/\u00fc", "http://influx/\x01"])
def test_a_url_with_a_character_that_belongs_in_none(v1: dict[str, Any], url: str) -> None:
    assert refusal(v1 | {"url": url}) == f"{WHERE}.url: not shown; {URL_WAY_OUT}"


@pytest.mark.parametrize(
    "url", ["https://me:s3cret@influx", "http://me:s3cret@influx:99999", "http://influx/?u=me&p=s3cret", "me:s3cret@["]
)
def test_a_url_with_a_password_in_it_is_not_shown(v1: dict[str, Any], url: str) -> None:
    assert refusal(v1 | {"url": url}) == f"{WHERE}.url: not shown; {URL_WAY_OUT}"


def test_a_token_that_no_header_can_carry(v2: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("café", "utf-8")
    assert refusal(v2 | {"token_file": str(path)}) == (
        f"{WHERE}.token_file: {str(path)!r}; put the password or token alone into that file, as one line of ASCII"
    )


def test_no_gateway_pays_for_the_client_that_sets_a_database_up() -> None:
    """14 MB of the 60 that the gateway may take."""
    script = "import sys, gateway.service; sys.exit('influxdb_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0
