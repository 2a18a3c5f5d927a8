"""`python -m hil_tests.screenshot`: the page on a phone by day and by night, as the README shows it.

The readings are the rig's model (`hil_tests/shown_page.py`), so the picture changes with the page only.
"""

import base64
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from hil_tests.browser import PHONE, chromium, prefer, resize
from hil_tests.services import ServiceError
from hil_tests.shown_page import ShownPage

PICTURES = {"docs/page-phone.png": ("light", "en"), "docs/page-phone-vi.png": ("dark", "vi")}
DEADLINE = 20.0


def take(folder: Path) -> None:
    with ShownPage(folder, days=1) as page, chromium(folder / "browser") as browser:
        resize(browser, PHONE, scale=1.5)
        for picture, (scheme, language) in PICTURES.items():
            prefer(browser, color_scheme=scheme, reduced_motion="reduce")
            browser.get(page.url)
            browser.execute_script("localStorage.setItem('language', arguments[0])", language)
            browser.get(page.url)
            WebDriverWait(browser, DEADLINE).until(lambda browser: browser.find_elements(By.CLASS_NAME, "volt"))
            taken = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
            Path(picture).write_bytes(base64.b64decode(taken["data"]))
            print(f"{picture}: {Path(picture).stat().st_size // 1000} kB")


def main() -> int:
    os.environ["TZ"] = "Asia/Ho_Chi_Minh"
    time.tzset()
    try:
        with TemporaryDirectory() as name:
            take(Path(name))
    except ServiceError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
