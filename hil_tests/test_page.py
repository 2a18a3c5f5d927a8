"""The technician's page in a real browser, on the whole chain: wired? stored? sent?"""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from hil_tests.browser import chromium
from hil_tests.chain import UNIT, Chain

DEADLINE = 40.0


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    with Chain(tmp_path) as chain:
        yield chain


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    with chromium(tmp_path / "profile") as browser:
        yield browser


def told(browser: Chrome, title: str) -> str:
    """What stands under `title`, empty while it is not there. The page is made anew every few seconds."""
    text = browser.execute_script(
        "const found = [...document.querySelectorAll('dt')].find((dt) => dt.textContent === arguments[0]);"
        "return found ? found.nextElementSibling.innerText : '';",
        title,
    )
    assert isinstance(text, str)
    return text


def wait_until_told(browser: Chrome, title: str, beginning: str) -> None:
    WebDriverWait(browser, DEADLINE).until(lambda browser: told(browser, title).startswith(beginning), title)


def test_it_answers_wired_stored_sent(chain: Chain, browser: Chrome) -> None:
    browser.get(chain.gateway.url)
    for question in ("Wired?", "Stored?", "Sent?"):
        wait_until_told(browser, question, "yes")
    WebDriverWait(browser, DEADLINE).until(lambda browser: told(browser, "pv power") and told(browser, "pack voltage"))
    assert browser.find_element(By.CSS_SELECTOR, "h2").text == f"{UNIT} online"
    assert told(browser, "pack voltage").endswith(" V")
    assert 40 < float(told(browser, "pack voltage").split()[0]) < 60
    assert told(browser, "pv power").endswith(" W")
    assert told(browser, "charge mosfet") == "on"
    assert told(browser, "Last forwarded").endswith("s ago")
    assert told(browser, "Stored?").splitlines()[1].startswith("acknowledged ")


def test_it_says_what_is_wrong_and_when_it_is_right_again(chain: Chain, browser: Chrome) -> None:
    browser.get(chain.gateway.url)
    wait_until_told(browser, "Sent?", "yes")
    chain.link.cut()
    wait_until_told(browser, "Sent?", "no\nno connection: Connection refused")
    assert told(browser, "Database").startswith("away")
    chain.bus.do("vanish", model="jk_pb")
    wait_until_told(browser, "Wired?", "no\nbms1 (jk_pb, address 2): no answer")
    chain.bus.do("come_back", model="jk_pb")
    chain.link.restore()
    wait_until_told(browser, "Wired?", "yes")
    wait_until_told(browser, "Sent?", "yes")
    chain.gateway.stop()
    alert = browser.find_element(By.ID, "lost")
    WebDriverWait(browser, DEADLINE).until(lambda _browser: alert.is_displayed())
    assert alert.text == "The gateway does not answer. What stands below is old."


def test_it_fits_a_phone_and_needs_nothing_from_outside(chain: Chain, browser: Chrome) -> None:
    browser.get(chain.gateway.url)
    wait_until_told(browser, "Wired?", "yes")
    wider = browser.execute_script("return document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert wider is False
    asked = [
        urlsplit(message["params"]["request"]["url"])
        for entry in browser.get_log("performance")
        if (message := json.loads(entry["message"])["message"])["method"] == "Network.requestWillBeSent"
    ]
    web = {url.netloc for url in asked if url.scheme in ("http", "https", "ws", "wss")}
    assert web == {urlsplit(chain.gateway.url).netloc}
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
