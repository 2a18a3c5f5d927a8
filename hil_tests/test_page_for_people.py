"""The page for whoever uses it: phone and desktop, two languages, by keyboard, by ear, in the dark."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from gateway.standing import Alarm
from hil_tests.browser import DESKTOP, PHONE, chromium, prefer, resize
from hil_tests.shown_page import NOW, PIN, SITE, ShownPage

DEADLINE = 20.0
CONTRAST = (Path(__file__).parent / "contrast.js").read_text("utf-8")
ALARM = ("raft-01", "bms1", "cell_spread")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("browser") / "profile") as browser:
        yield browser


@pytest.fixture
def page(tmp_path: Path, browser: Chrome) -> Iterator[ShownPage]:
    """One unit with a day behind it, on a phone, in English, by day."""
    with ShownPage(tmp_path, days=1) as page:
        resize(browser, PHONE)
        prefer(browser, color_scheme="light")
        browser.get(page.url)
        browser.execute_script("localStorage.clear()")
        show(browser, page.url)
        yield page
        browser.get("about:blank")


def show(browser: Chrome, url: str) -> None:
    """Until everything of a unit is there, charts included."""
    browser.get(url)
    wait(browser, "#verdict")
    WebDriverWait(browser, DEADLINE).until(lambda browser: len(browser.find_elements(By.CSS_SELECTOR, ".chart")) == 6)


def wait(browser: Chrome, selector: str) -> WebElement:
    return WebDriverWait(browser, DEADLINE).until(lambda browser: browser.find_element(By.CSS_SELECTOR, selector))


def text(browser: Chrome, selector: str) -> str:
    return browser.find_element(By.CSS_SELECTOR, selector).text


def until_text(browser: Chrome, selector: str, part: str) -> None:
    WebDriverWait(browser, DEADLINE).until(lambda browser: part in text(browser, selector), f"{part!r} in {selector}")


def choose(browser: Chrome, language: str) -> None:
    browser.find_element(By.CSS_SELECTOR, f"[data-language={language}]").click()


def texts(browser: Chrome) -> list[str]:
    """Everything that is to be read or heard, folded away or not."""
    found: list[str] = browser.execute_script(
        "const found = [document.title];"
        "const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);"
        "while (walker.nextNode()) if (!walker.currentNode.parentElement.closest('#languages'))"
        "  found.push(walker.currentNode.nodeValue.trim());"
        "for (const element of document.querySelectorAll('[aria-label], [title]'))"
        "  found.push(element.getAttribute('aria-label') ?? element.title);"
        "return found.filter(Boolean);"
    )
    return found


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("language", ["en", "vi"])
def test_it_fits_without_scrolling_sideways(
    browser: Chrome, page: ShownPage, size: tuple[int, int], language: str
) -> None:
    page.alarms[ALARM] = Alarm(NOW, 0.2, "0.2 V, above 0.15", acknowledged=False)
    resize(browser, size)
    choose(browser, language)
    wait(browser, "[data-action=acknowledge]")
    for fold in browser.find_elements(By.CSS_SELECTOR, "summary"):
        fold.click()
    wider = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert browser.execute_script(wider) == 0
    cut = browser.execute_script(
        "return [...document.querySelectorAll('dd, dt, h2, h3, p, li, td, button')]"
        ".filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1 && one.clientWidth)"
        ".map((one) => one.textContent)"
    )
    assert cut == []
    top = browser.find_element(By.ID, "verdict").rect["y"]
    assert top < size[1] / 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("mood", ["good", "bad"])
def test_every_text_stands_out_from_its_ground(browser: Chrome, page: ShownPage, scheme: str, mood: str) -> None:
    prefer(browser, color_scheme=scheme)
    if mood == "bad":
        page.alarms[ALARM] = Alarm(NOW, 0.2, "0.2 V, above 0.15", acknowledged=False)
        page.hear("raft-01", "bms1", {"soc": 50}, error="bms1 (jk_pb, address 2): no answer")
        page.broker.away("no connection")
        until_text(browser, "#verdict", "does not answer")
        wait(browser, "#events li")
    found = browser.execute_script(CONTRAST)
    assert len(found) > 100
    assert [one for one in found if one["ratio"] < one["least"]] == []


def test_the_browsers_language_is_taken_and_the_chosen_one_is_remembered(browser: Chrome, page: ShownPage) -> None:
    assert (text(browser, "#verdict"), browser.execute_script("return document.documentElement.lang")) == (
        "All is well",
        "en",
    )
    agent = browser.execute_script("return navigator.userAgent")
    for language, verdict in (("vi-VN,vi;q=0.9,en;q=0.8", "Mọi thứ đều tốt"), ("fr-FR", "All is well")):
        browser.execute_cdp_cmd("Emulation.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": language})
        show(browser, page.url)
        assert text(browser, "#verdict") == verdict
    choose(browser, "vi")
    show(browser, page.url)
    assert (text(browser, "#verdict"), browser.execute_script("return document.documentElement.lang")) == (
        "Mọi thứ đều tốt",
        "vi",
    )
    assert "Trạng thái sạc (SOC)" in text(browser, "main")
    browser.execute_cdp_cmd("Emulation.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": "en-US"})


def test_no_words_are_outside_the_two_languages(browser: Chrome, page: ShownPage) -> None:
    page.alarms[ALARM] = Alarm(NOW, 0.2, "0.2 V, above 0.15", acknowledged=False)
    page.hear("raft-01", "bms1", {"soc": 50}, error="bms1 (jk_pb, address 2): no answer")
    wait(browser, "#events li")
    english = set(texts(browser))
    choose(browser, "vi")
    until_text(browser, ".bms h3", "Pin lưu trữ")
    in_both = english & set(texts(browser))
    data = {SITE, "raft-01", "bms1 · jk_pb", "mppt1 · epever_tracer", "board · esp32"}
    said_by_the_gateway = {"0.2 V, above 0.15", "bms1 (jk_pb, address 2): no answer"}
    words = {one for one in in_both - data - said_by_the_gateway if re.search(r"[^\W\d_]{3,}", one)}
    assert {one for one in words if not re.fullmatch(r"Cell \d+|[-\d.,]+ (V|A|W|mV|Wh|Ah|dBm|kB|MB)", one)} == set()


def test_what_the_gateway_says_itself_is_marked_as_english(browser: Chrome, page: ShownPage) -> None:
    page.hear("raft-01", "bms1", {"soc": 50}, error="bms1 (jk_pb, address 2): no answer")
    choose(browser, "vi")
    wait(browser, "#troubles")
    until_text(browser, "#troubles", "no answer")
    assert browser.find_element(By.CSS_SELECTOR, "#troubles .told").get_attribute("lang") == "en"


def focused(browser: Chrome) -> str:
    name: str = browser.execute_script(
        "const one = document.activeElement;"
        "return one === document.body ? '' : one.id || one.dataset.action || one.dataset.language || one.dataset.span"
        "  || one.parentElement.id || one.getAttribute('href');"
    )
    return name


def test_the_keyboard_reaches_everything_in_the_order_of_the_page(browser: Chrome, page: ShownPage) -> None:
    page.alarms[ALARM] = Alarm(NOW, 0.2, "0.2 V, above 0.15", acknowledged=False)
    wait(browser, "[data-action=acknowledge]")
    reached = []
    for _ in range(40):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        if not (name := focused(browser)):
            break
        reached.append(name)
        outline = browser.execute_script("return getComputedStyle(document.activeElement).outlineWidth")
        assert outline == "3px", name
    figures = [f"table-bms1-{name}" for name in ("soc", "pack_voltage", "current", "cell_voltage_spread")]
    figures += [f"table-mppt1-{name}" for name in ("pv_power", "load_power")]
    folds = ["more-bms1", "more-mppt1", "more-board"]
    assert reached == ["skip", "en", "vi", *folds, "24h", "7d", *figures, "acknowledge", "export"]


def test_the_focus_stays_while_numbers_come_in(browser: Chrome, page: ShownPage) -> None:
    fold = browser.find_element(By.CSS_SELECTOR, "#more-bms1 summary")
    fold.send_keys(Keys.ENTER)
    page.hear("raft-01", "bms1", {"soc": 43, "soh": 97, "pack_voltage": 51.25})
    until_text(browser, ".bms .figure", "43 %")
    assert focused(browser) == "more-bms1"
    assert browser.find_element(By.ID, "more-bms1").get_attribute("open") is not None


def test_the_skip_link_leads_past_the_head(browser: Chrome, page: ShownPage) -> None:
    ActionChains(browser).send_keys(Keys.TAB).send_keys(Keys.ENTER).perform()
    assert focused(browser) == "main"
    assert urlsplit(browser.current_url).fragment == ""
    assert page.url in browser.current_url


def test_charts_and_bars_can_be_heard_and_read_as_tables(browser: Chrome, page: ShownPage) -> None:
    assert page.journal.pending_readings == 0
    for chart in browser.find_elements(By.CSS_SELECTOR, ".chart"):
        assert chart.get_attribute("role") == "img"
        assert re.fullmatch(r".+, 24 hours: from .+ to .+, last .+", chart.get_attribute("aria-label") or "")
    cells = browser.find_elements(By.CSS_SELECTOR, ".cells li")
    heard = [(cell.get_attribute("textContent") or "").replace("▼", "").replace("▲", "") for cell in cells]
    assert len(heard) == 16
    assert sum("lowest" in cell for cell in heard) == sum("highest" in cell for cell in heard) == 1
    browser.find_element(By.CSS_SELECTOR, "#table-bms1-soc summary").click()
    rows = browser.find_elements(By.CSS_SELECTOR, "#table-bms1-soc tbody tr")
    assert len(rows) in (24, 25)
    assert re.fullmatch(r"\d+ %", rows[0].find_elements(By.TAG_NAME, "td")[0].text)


def test_the_first_minutes_are_drawn_and_no_two_marks_of_an_axis_read_the_same(browser: Chrome, tmp_path: Path) -> None:
    with ShownPage(tmp_path, days=3 / 1440) as page:
        show(browser, page.url)
        for chart in browser.find_elements(By.CSS_SELECTOR, ".chart"):
            marks = [mark.text for mark in chart.find_elements(By.CSS_SELECTOR, "text[text-anchor=end]")]
            assert len(set(marks)) == len(marks) >= 2
            [line] = chart.find_elements(By.CSS_SELECTOR, ".line")
            assert len((line.get_attribute("points") or "").split()) >= 2
        browser.get("about:blank")


def test_seven_days_are_drawn_too(browser: Chrome, page: ShownPage) -> None:
    assert page.journal.pending_readings == 0
    browser.find_element(By.CSS_SELECTOR, "[data-span='7d']").click()
    WebDriverWait(browser, DEADLINE).until(
        lambda browser: ", 7 days: " in (wait(browser, ".chart").get_attribute("aria-label") or "")
    )
    assert browser.find_element(By.CSS_SELECTOR, "[data-span='7d']").get_attribute("aria-pressed") == "true"


def test_a_value_says_its_age_and_an_old_one_that_it_is_old(browser: Chrome, page: ShownPage) -> None:
    assert re.match(r"read \d+ s ago", text(browser, ".bms .freshness"))
    fresh = browser.find_element(By.CSS_SELECTOR, ".bms dd span")
    assert re.match(r"read \d+ s ago", fresh.get_attribute("title") or "")
    page.hear("raft-01", "bms1", {"soc": 50}, error="bms1 (jk_pb, address 2): no answer")
    until_text(browser, ".bms .cells", "old · ")
    assert "old · " in text(browser, ".bms > dl")
    assert "old · " not in text(browser, ".bms .large")
    page.clocks.forward(120_000)
    until_text(browser, ".bms .freshness", "old · 2 min ago")
    assert all("old · " in one.text for one in browser.find_elements(By.CSS_SELECTOR, ".bms > dl > div"))
    assert "old · " in text(browser, ".bms .large")
    assert text(browser, "#answer-wired strong") == "no"


def test_with_the_pin_an_alarm_is_marked_as_seen(browser: Chrome, page: ShownPage) -> None:
    page.alarms[ALARM] = Alarm(NOW, 0.2, "0.2 V, above 0.15", acknowledged=False)
    until_text(browser, "#verdict", "An alarm stands")
    wait(browser, "[data-action=acknowledge]").send_keys(Keys.ENTER)
    wait(browser, "#pin").send_keys("000000", Keys.ENTER)
    until_text(browser, "#refused", "That was not the PIN.")
    browser.find_element(By.ID, "pin").send_keys(PIN, Keys.ENTER)
    WebDriverWait(browser, DEADLINE).until(lambda _browser: page.alarms[ALARM].acknowledged)
    until_text(browser, "#events .alarms", "· seen")
    assert not browser.find_element(By.ID, "asked").is_displayed()
    assert browser.find_elements(By.CSS_SELECTOR, "[data-action=acknowledge]") == []


def test_with_the_pin_readings_go_onto_the_stick(browser: Chrome, page: ShownPage) -> None:
    wait(browser, "[data-action=export]").send_keys(Keys.ENTER)
    wait(browser, "#pin").send_keys(PIN, Keys.ENTER)
    until_text(browser, "#gateway", "1,440 new readings")
    page.exported.append(OSError(28, "No space left on device"))
    wait(browser, "[data-action=export]").send_keys(Keys.ENTER)
    wait(browser, "#pin").send_keys(PIN, Keys.ENTER)
    until_text(browser, "#gateway", "No space left on device")


def test_where_events_are_refused_it_asks_instead(browser: Chrome, page: ShownPage) -> None:
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/events"]})
    try:
        show(browser, page.url)
        until_text(browser, "#clock", "every 10 s")
        assert text(browser, "#verdict") == "All is well"
    finally:
        browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})


def test_who_wants_no_motion_gets_none(browser: Chrome, page: ShownPage) -> None:
    moving = "return getComputedStyle(document.querySelector('.filled')).transitionDuration"
    assert page.journal.pending_readings == 0
    assert browser.execute_script(moving) == "0.4s"
    prefer(browser, reduced_motion="reduce")
    assert browser.execute_script(moving) == "0s"


def test_it_needs_nothing_from_outside(browser: Chrome, page: ShownPage) -> None:
    for log in ("performance", "browser"):
        browser.get_log(log)
    show(browser, page.url)
    asked = [
        urlsplit(message["params"]["request"]["url"])
        for entry in browser.get_log("performance")
        if (message := json.loads(entry["message"])["message"])["method"] == "Network.requestWillBeSent"
    ]
    web = {url.netloc for url in asked if url.scheme in ("http", "https", "ws", "wss")}
    assert web == {urlsplit(page.url).netloc}
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_of_several_units_one_is_chosen_by_name(browser: Chrome, tmp_path: Path) -> None:
    with ShownPage(tmp_path, units=["raft-01", "raft-02", "raft-03"], days=0.1) as page:
        browser.get(page.url)
        wait(browser, "#units")
        rows = browser.find_elements(By.CSS_SELECTOR, "#units a")
        assert [row.text.split()[0] for row in rows] == ["raft-01", "raft-02", "raft-03"]
        assert "State of charge" in rows[1].text
        rows[1].click()
        until_text(browser, "#hero-title", "raft-02")
        browser.find_element(By.CSS_SELECTOR, "nav a").click()
        wait(browser, "#units")
        browser.get("about:blank")
