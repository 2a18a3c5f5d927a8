"""A real Chromium from Debian, without a window, as wide as a phone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from hil_tests.services import find_program

PHONE = (390, 844)


@contextmanager
def chromium(folder: Path) -> Iterator[Chrome]:
    """`folder` takes its profile."""
    options = ChromeOptions()
    options.binary_location = find_program("chromium", "chromium")
    for switch in (
        "--headless",
        "--no-sandbox",  # root has none
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        f"--user-data-dir={folder}",
        "--window-size={},{}".format(*PHONE),
    ):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = Chrome(options=options, service=Service(find_program("chromedriver", "chromium-driver")))
    try:
        yield browser
    finally:
        browser.quit()
