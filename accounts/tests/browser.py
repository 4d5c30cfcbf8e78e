"""A person with a real browser."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

selenium = pytest.importorskip("selenium", reason="Selenium is in requirements-dev.txt")

from selenium import webdriver  # noqa: E402
from selenium.common.exceptions import (  # noqa: E402
    JavascriptException,
    StaleElementReferenceException,
)
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
# The script has removed the token from the URL, and the requested page is shown.
OPENED = """
    return location.hash === "" && document.readyState === "complete"
        && !document.querySelector("main > [hidden]:not(details)");
"""
NEEDS_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not DRIVER, reason="Chromium's driver is not here: see make test-browser"),
]


class Person:
    """A person with a browser."""

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

    def follow(self, link: str) -> str:
        """Follow the link of a mail, even over an open page, and return its page's text."""
        self.browser.get(self.origin + link)
        self.wait(lambda browser: browser.execute_script(OPENED))
        return self.text

    def wait(self, condition: Callable[[webdriver.Chrome], object]) -> None:
        gone = [StaleElementReferenceException, JavascriptException]
        WebDriverWait(self.browser, 20, ignored_exceptions=gone).until(condition)

    @property
    def text(self) -> str:
        return self.browser.find_element(By.TAG_NAME, "main").text

    def focused(self) -> str:
        """Return the name of the focused field, or the role of another focused element."""
        element = self.browser.switch_to.active_element
        return element.get_attribute("name") or element.get_attribute("role") or ""

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            field = self.browser.find_element(By.NAME, name)
            field.clear()
            field.send_keys(value)

    def send(self, button: str = "") -> str:
        """Press the first button, or the one with this text; return the next page's text."""
        main = self.browser.find_element(By.TAG_NAME, "main")
        buttons = self.browser.find_elements(By.TAG_NAME, "button")
        next(one for one in buttons if one.is_displayed() and button in one.text).click()
        self.wait(lambda browser: browser.find_element(By.TAG_NAME, "main") != main)
        return self.text

    def complaints(self) -> list[str]:
        """Return the console's messages, except the status of a refused form."""
        entries = self.browser.get_log("browser")
        lines = [entry["message"] for entry in entries if entry["level"] in {"WARNING", "SEVERE"}]
        return [line for line in lines if "the server responded with a status of 4" not in line]

    def picture(self, name: str) -> None:
        """Keep a picture in the folder of SCREENSHOTS, if one is named."""
        if folder := os.environ.get("SCREENSHOTS"):
            self.browser.save_screenshot(str(Path(folder) / f"{name}.png"))
