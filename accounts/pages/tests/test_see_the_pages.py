"""The pages as people have them: in a browser, with its console and a phone's width."""

import re

import pytest
from django.core import mail
from django.core.management import call_command
from django.utils import timezone

from accounts.passwords.tests.test_reset_the_password import token_in
from accounts.sessions.models import Session
from accounts.tests.browser import NEEDS_A_BROWSER, By
from accounts.users.models import User

NEW = "anotherpassword123"
PAGES = ["reset-password", "verify-email", "confirm-email-change", "undo-email-change"]
pytestmark = NEEDS_A_BROWSER


@pytest.fixture
def mailed(settings):
    """Send what is due, and return the token in the last link to that address."""

    def mailed(email: str) -> str:
        call_command("worker", "--once")
        links = [m for m in mail.outbox if m.to == [email] and "#token=" in m.body]
        return token_in(links[-1])

    return mailed


@pytest.fixture
def reset_link(client, user, mailed):
    client.post("/api/v1/auth/forgot-password", {"email": user.email})
    return f"/account/reset-password#token={mailed(user.email)}"


def test_a_password_is_set_after_one_was_refused(person, reset_link):
    ana = person()
    ana.open(reset_link)
    assert ana.browser.current_url == f"{ana.origin}/account/reset-password"
    assert not ana.browser.find_element(By.NAME, "token").is_displayed()
    ana.picture("reset")

    ana.fill(password="short")
    assert "This password is too short." in ana.send()
    assert not ana.browser.find_element(By.NAME, "token").is_displayed()
    ana.picture("refused")
    ana.fill(password=NEW)
    assert "Your password is set, and every device is signed out." in ana.send()
    ana.picture("done")

    assert User.objects.get().check_password(NEW)
    assert ana.complaints() == []


def test_a_code_that_was_wrong_can_be_corrected(person, reset_link):
    token = reset_link.partition("=")[2]
    ana = person()
    ana.open(reset_link[:-1])
    assert not ana.browser.find_element(By.NAME, "token").is_displayed()
    ana.fill(password=NEW)
    assert "This link is invalid or has expired." in ana.send()
    ana.picture("wrong-code")

    ana.fill(token=token, password=NEW)
    assert "Your password is set" in ana.send()
    assert ana.complaints() == []


def test_a_used_link_leads_to_a_new_one(person, reset_link, user, mailed):
    ana = person()
    for _ in range(2):
        ana.open(reset_link)
        ana.fill(password=NEW)
        said = ana.send()
    assert "This link is invalid or has expired." in said
    ana.picture("used")

    ana.browser.find_element(By.PARTIAL_LINK_TEXT, "Ask for a link").click()
    ana.picture("forgot")
    ana.fill(email=user.email)
    assert "we sent a link to it" in ana.send()
    assert mailed(user.email) not in reset_link
    assert ana.complaints() == []


def test_an_address_is_confirmed_with_the_password(person, client, mailed):
    account = {"email": "ana@example.com", "password": "securepassword123"}
    client.post("/api/v1/auth/signup", account)
    client.post("/api/v1/auth/signin", account)
    ana = person()
    ana.open(f"/account/verify-email#token={mailed(account['email'])}")
    ana.picture("verify")

    ana.fill(current_password=account["password"])
    assert "Your address is confirmed." in ana.send()

    assert User.objects.get().email_verified
    assert Session.objects.live().exists()
    assert ana.complaints() == []


def test_an_address_is_changed_and_brought_back(person, member, user, mailed):
    User.objects.update(email_verified_at=timezone.now())
    member.post("/api/v1/users/me/change-email", {"new_email": "new@example.com"})
    ana = person()
    ana.open(f"/account/confirm-email-change#token={mailed('new@example.com')}")
    ana.fill(current_password="testpassword123")
    assert "Your account has its new address." in ana.send()
    ana.open(f"/account/undo-email-change#token={mailed(user.email)}")
    ana.picture("undo")
    assert "Your address is back" in ana.send()

    assert User.objects.get().email == user.email
    assert ana.complaints() == []


def test_the_pages_are_in_the_language_of_the_browser(person, reset_link):
    ana = person("es")
    ana.open(reset_link)
    ana.picture("spanish")

    assert ana.browser.title.startswith("Elige una contraseña nueva ")
    ana.fill(password="short")
    assert "contraseña es demasiado corta" in ana.send()


@pytest.mark.parametrize("name", PAGES)
def test_on_a_phone_nothing_is_wider_than_the_screen(person, name):
    ana = person()
    phone = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    ana.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    ana.open(f"/account/{name}#token={'x' * 43}")
    passwords = {"reset-password": "password", "confirm-email-change": "current_password"}
    if name in passwords:
        ana.fill(**{passwords[name]: NEW})
    ana.send()
    ana.picture(f"phone-{name}")

    width = ana.browser.execute_script("return document.documentElement.scrollWidth")
    assert width <= 360
    sizes = ana.browser.execute_script(
        "return [...document.querySelectorAll('input:not([type=hidden]), button')]"
        ".filter(e => e.offsetParent).map(e => e.getBoundingClientRect().height)"
    )
    assert sizes
    assert min(sizes) >= 44


def test_without_scripts_the_code_is_typed(person, reset_link, user):
    ana = person()
    ana.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    address, token = re.fullmatch(r"(\S+)#token=(\S+)", reset_link).groups()
    ana.open(address)
    ana.picture("no-script")

    ana.fill(token=token, password=NEW)
    ana.send()

    assert User.objects.get().check_password(NEW)
