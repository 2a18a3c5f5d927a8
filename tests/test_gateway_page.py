import re
from importlib import resources

import pytest
from starlette.testclient import TestClient

from gateway.page.app import HEADERS, bind, make_app
from ingest.settings_file import SettingsError


@pytest.mark.parametrize(
    ("path", "media_type"), [("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")]
)
def test_the_page_and_its_files_are_served_without_being_cached(path: str, media_type: str) -> None:
    response = TestClient(make_app(dict, lambda: True, bytes)).get(path)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith(media_type)
    assert {name: response.headers[name] for name in HEADERS} == HEADERS


def test_the_state_is_json() -> None:
    client = TestClient(make_app(lambda: {"site": "Cát Bà"}, lambda: True, bytes))
    assert client.get("/state.json").json() == {"site": "Cát Bà"}


@pytest.mark.parametrize(("healthy", "status"), [(True, 200), (False, 503)])
def test_health_is_a_status(*, healthy: bool, status: int) -> None:
    assert TestClient(make_app(dict, lambda: healthy, bytes)).get("/healthz").status_code == status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_the_page_is_read_only(method: str) -> None:
    client = TestClient(make_app(dict, lambda: True, bytes))
    assert client.request(method, "/state.json").status_code == 405


def test_the_page_needs_nothing_from_outside() -> None:
    for name in ("index.html", "page.css", "page.js"):
        text = resources.files("gateway.page").joinpath(name).read_text("utf-8")
        assert not re.search(r"https?://|@import|url\(", text), name


def test_an_address_that_is_none_of_ours_is_named() -> None:
    with pytest.raises(SettingsError, match=r"page 203\.0\.113\.1:8080: .*mend \[page\]"):
        bind("203.0.113.1", 8080)
