"""A person with a browser, for what has to be seen to be believed."""

import os
import shutil
from pathlib import Path

import pytest

selenium = pytest.importorskip("selenium", reason="Selenium is in requirements-dev.txt")

from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

DRIVER = shutil.which("chromedriver")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
NEEDS_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not DRIVER, reason="Chromium's driver is not here: see make test-browser"),
]


class Person:
    """Somebody with a browser."""

    def __init__(self, origin: str, profile: Path, language: str = "en") -> None:
        options = webdriver.ChromeOptions()
        for flag in (*FLAGS, f"--user-data-dir={profile}", f"--accept-lang={language}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(DRIVER)
        self.browser = webdriver.Chrome(options, service)
        self.browser.set_window_size(1000, 800)
        self.origin = origin

    def open(self, path: str) -> None:
        self.browser.get("about:blank")  # A new fragment alone would load nothing.
        self.browser.get(self.origin + path)

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            field = self.browser.find_element(By.NAME, name)
            field.clear()
            field.send_keys(value)

    def send(self) -> str:
        """Press the button, and return what the next page says."""
        main = self.browser.find_element(By.TAG_NAME, "main")
        self.browser.find_element(By.TAG_NAME, "button").click()
        wait = WebDriverWait(self.browser, 20)
        wait.until(lambda browser: browser.find_element(By.TAG_NAME, "main") != main)
        return self.browser.find_element(By.TAG_NAME, "main").text

    def complaints(self) -> list[str]:
        """Return what the console says, apart from the status of a refused form."""
        entries = self.browser.get_log("browser")
        lines = [entry["message"] for entry in entries if entry["level"] in {"WARNING", "SEVERE"}]
        return [line for line in lines if "the server responded with a status of 4" not in line]

    def picture(self, name: str) -> None:
        """Keep a picture in the folder of SCREENSHOTS, if one is named."""
        if folder := os.environ.get("SCREENSHOTS"):
            self.browser.save_screenshot(str(Path(folder) / f"{name}.png"))
