"""The technician's page in a real browser, on the whole chain: wired? stored? sent?"""

import re
from collections.abc import Iterator
from pathlib import Path

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
    return re.sub("\n+", "\n", text)


def wait_until_told(browser: Chrome, title: str, beginning: str) -> None:
    WebDriverWait(browser, DEADLINE).until(lambda browser: told(browser, title).startswith(beginning), title)


def test_it_answers_wired_stored_sent(chain: Chain, browser: Chrome) -> None:
    browser.get(chain.gateway.url)
    for question in ("Wired?", "Stored?", "Sent?"):
        wait_until_told(browser, question, "yes")
    WebDriverWait(browser, DEADLINE).until(
        lambda browser: told(browser, "PV voltage") and told(browser, "Pack voltage")
    )
    assert browser.find_element(By.ID, "verdict").text == "All is well"
    assert browser.find_element(By.ID, "hero-title").text == f"{UNIT} online"
    assert told(browser, "Pack voltage").endswith(" V")
    assert 40 < float(told(browser, "Pack voltage").split()[0]) < 60
    assert told(browser, "Charge MOSFET") == "on"
    assert len(browser.find_elements(By.CSS_SELECTOR, ".cells li")) == 16
    assert told(browser, "Sent?").splitlines()[1].startswith("sent ")
    assert told(browser, "Stored?").splitlines()[1].startswith("kept ")


def test_it_says_what_is_wrong_and_when_it_is_right_again(chain: Chain, browser: Chrome) -> None:
    browser.get(chain.gateway.url)
    wait_until_told(browser, "Sent?", "yes")
    chain.link.cut()
    wait_until_told(browser, "Sent?", "no")
    assert "the database is away\nno connection: Connection refused" in browser.find_element(By.ID, "troubles").text
    assert told(browser, "Database").startswith("away")
    chain.bus.do("vanish", model="jk_pb")
    wait_until_told(browser, "Wired?", "no")
    trouble = "bms1 does not answer in full\nbms1 (jk_pb, address 2): no answer"
    WebDriverWait(browser, DEADLINE).until(lambda browser: trouble in browser.find_element(By.ID, "troubles").text)
    WebDriverWait(browser, DEADLINE).until(lambda browser: "old · " in told(browser, "Pack voltage"))
    chain.bus.do("come_back", model="jk_pb")
    chain.link.restore()
    wait_until_told(browser, "Wired?", "yes")
    wait_until_told(browser, "Sent?", "yes")
    chain.gateway.stop()
    alert = browser.find_element(By.ID, "lost")
    WebDriverWait(browser, DEADLINE).until(lambda _browser: alert.is_displayed())
    assert alert.text == "The gateway does not answer. What stands below is old."
    chain.gateway.start()
    WebDriverWait(browser, DEADLINE).until(lambda _browser: not alert.is_displayed())
