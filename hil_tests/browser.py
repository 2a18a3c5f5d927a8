"""A real Chromium from Debian, without a window, as wide as a phone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from hil_tests.services import find_program

PHONE = (360, 800)
DESKTOP = (1280, 900)


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
        resize(browser, PHONE)
        yield browser
    finally:
        browser.quit()


def resize(browser: Chrome, size: tuple[int, int], scale: float = 1) -> None:
    """A window has a least width; the device that it shows has none."""
    width, height = size
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": size == PHONE},
    )


def prefer(browser: Chrome, **features: str) -> None:
    """What the person's settings say, such as `color_scheme="dark"` or `reduced_motion="reduce"`."""
    told = [{"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": told})
