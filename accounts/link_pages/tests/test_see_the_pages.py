"""The pages in a real browser, with its console and a phone's width."""

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.core.management import call_command
from django.utils import timezone

from accounts.links.models import Purpose
from accounts.outbox.tasks import replace
from accounts.passwords.tests.test_reset_the_password import token_in
from accounts.sessions.models import Session
from accounts.tests.browser import NEEDS_A_BROWSER, By
from accounts.users.models import User

NEW = "anotherpassword123"
pytestmark = NEEDS_A_BROWSER


@pytest.fixture
def mailed(settings):
    """Send due mail and return the token in the last link to that email address."""

    def mailed(email: str) -> str:
        call_command("worker", "--once")
        links = [m for m in mail.outbox if m.to == [email] and "#token=" in m.body]
        return token_in(links[-1])

    return mailed


@pytest.fixture
def reset_link(client, user, mailed):
    client.post("/api/v1/auth/forgot-password", {"email": user.email})
    return f"/account/reset-password#token={mailed(user.email)}"


def test_a_password_is_set_after_one_was_refused(person, reset_link, user):
    ana = person()
    assert user.email in ana.follow(reset_link)
    assert ana.browser.current_url == f"{ana.origin}/account/reset-password"
    assert not ana.browser.find_element(By.ID, "code").is_displayed()
    assert User.objects.get().password == user.password
    ana.picture("reset")

    ana.fill(password="short")
    assert "This password is too short." in ana.send()
    assert ana.focused() == "password"
    assert user.email in ana.text
    ana.picture("refused")
    ana.fill(password=NEW)
    assert "Your password is set, and every device is signed out." in ana.send()
    assert ana.focused() == "status"
    ana.picture("done")

    assert User.objects.get().check_password(NEW)
    assert ana.complaints() == []


def test_the_token_is_neither_in_the_address_nor_in_the_history(person, reset_link):
    ana = person()
    ana.open("/docs")
    ana.follow(reset_link)
    history = ana.browser.execute_cdp_cmd("Page.getNavigationHistory", {})["entries"]

    urls = [entry["url"].removeprefix(ana.origin) for entry in history]
    assert urls[-1] == "/account/reset-password"
    assert not [url for url in urls if "token" in url]


def test_a_password_manager_finds_the_name_and_the_password(person, reset_link, user):
    ana = person()
    ana.follow(reset_link)

    fields = ana.browser.execute_script(
        "return [...document.querySelectorAll('#act input:not([type=hidden])')]"
        ".map(field => [field.autocomplete, field.value])"
    )
    assert fields == [["username", user.email], ["new-password", ""]]


def test_a_newer_link_is_used_over_an_open_page_an_error_and_a_result(
    person, reset_link, client, user, mailed
):
    """Only the fragment of the URL changes, so the browser loads nothing by itself."""

    def newer() -> str:
        client.post("/api/v1/auth/forgot-password", {"email": user.email})
        return f"/account/reset-password#token={mailed(user.email)}"

    ana = person()
    ana.open("/account/reset-password")
    ana.follow(reset_link)
    second = newer()
    assert user.email in ana.follow(second)
    ana.fill(password=NEW)
    assert "Your password is set" in ana.send()

    assert "This link is invalid or has expired." in ana.follow(second)
    assert ana.focused() == "alert"
    assert user.email in ana.follow(newer())
    ana.fill(password="short")
    ana.send()
    assert user.email in ana.follow(newer())
    assert "too short" not in ana.text
    ana.fill(password=NEW + "2")
    assert "Your password is set" in ana.send()

    assert User.objects.get().check_password(NEW + "2")
    assert ana.complaints() == []


def test_a_code_that_was_cut_is_entered_by_hand(person, reset_link, user):
    token = reset_link.partition("=")[2]
    ana = person()
    assert "This link is invalid or has expired." in ana.follow(reset_link[:-1])
    assert not ana.browser.find_element(By.ID, "code").is_displayed()
    ana.picture("wrong-code")

    ana.browser.find_element(By.TAG_NAME, "summary").click()
    ana.picture("by-hand")
    ana.browser.find_element(By.ID, "code").send_keys(token)
    assert user.email in ana.send()
    ana.fill(password=NEW)
    assert "Your password is set" in ana.send()
    assert ana.complaints() == []


def test_a_used_link_leads_to_a_new_one(person, reset_link, user, mailed):
    ana = person()
    ana.follow(reset_link)
    ana.fill(password=NEW)
    ana.send()
    ana.open("/account/forgot-password")
    assert "This link is invalid or has expired." in ana.follow(reset_link)
    ana.picture("used")

    ana.browser.find_element(By.LINK_TEXT, "Ask for a new link").click()
    ana.picture("forgot")
    ana.fill(email=user.email)
    assert "we sent a link to it" in ana.send()
    assert mailed(user.email) not in reset_link
    assert ana.complaints() == []


def test_an_address_is_confirmed_with_the_password_and_is_so_the_second_time(
    person, client, mailed
):
    account = {"email": "ana@example.com", "password": "securepassword123"}
    client.post("/api/v1/auth/signup", account)
    client.post("/api/v1/auth/signin", account)
    link = f"/account/verify-email#token={mailed(account['email'])}"
    ana = person()
    assert account["email"] in ana.follow(link)
    ana.picture("verify")

    ana.fill(current_password="wrong")
    assert "Current password is incorrect" in ana.send()
    assert ana.focused() == "current_password"
    ana.fill(current_password=account["password"])
    assert "Your address is confirmed." in ana.send()
    assert "Your address is confirmed already." in ana.follow(link)
    ana.picture("verified-already")

    assert User.objects.get().email_verified
    assert Session.objects.live().exists()
    assert ana.complaints() == []


def test_a_new_link_to_confirm_an_address_is_sent(person, client, mailed):
    account = {"email": "ana@example.com", "password": "securepassword123"}
    client.post("/api/v1/auth/signup", account)
    ana = person()
    ana.follow(f"/account/verify-email#token={'x' * 43}")
    ana.picture("verify-wrong")
    ana.browser.find_element(By.LINK_TEXT, "Ask for a new link").click()
    ana.fill(email=account["email"])
    assert "we sent a link to it" in ana.send()
    ana.picture("resent")

    ana.follow(f"/account/verify-email#token={mailed(account['email'])}")
    ana.fill(current_password=account["password"])
    assert "Your address is confirmed." in ana.send()
    assert ana.complaints() == []


def test_a_victim_of_a_false_sign_up_says_so(person, client, mailed):
    stranger = {"email": "ana@example.com", "password": "strangerspassword1"}
    client.post("/api/v1/auth/signup", stranger)
    ana = person()
    ana.follow(f"/account/verify-email#token={mailed(stranger['email'])}")

    assert "We sent you a link to set a new password." in ana.send(button="I did not sign up")
    ana.picture("started-over")
    ana.follow(f"/account/reset-password#token={mailed(stranger['email'])}")
    ana.fill(password=NEW)
    assert "Your password is set" in ana.send()

    assert User.objects.get().check_password(NEW)
    assert ana.complaints() == []


def test_an_address_is_changed_and_brought_back(person, member, user, mailed):
    User.objects.update(email_verified_at=timezone.now() - timedelta(days=8))
    member.post("/api/v1/users/me/change-email", {"new_email": "new@example.com"})
    ana = person()
    assert "new@example.com" in ana.follow(
        f"/account/confirm-email-change#token={mailed('new@example.com')}"
    )
    ana.picture("change")
    ana.fill(current_password="testpassword123")
    assert "Your account has its new address." in ana.send()
    assert user.email in ana.follow(f"/account/undo-email-change#token={mailed(user.email)}")
    ana.picture("undo")
    assert "Your address is back" in ana.send()

    assert User.objects.get().email == user.email
    assert ana.complaints() == []


def test_the_pages_are_in_the_language_of_the_browser(person, reset_link):
    ana = person("es")
    ana.follow(reset_link)
    ana.picture("spanish")

    assert ana.browser.title.startswith("Elige una contraseña nueva ")
    ana.fill(password="short")
    assert "contraseña es demasiado corta" in ana.send()


@pytest.mark.parametrize("state", ["opened", "refused"])
@pytest.mark.parametrize("purpose", Purpose)
def test_on_a_phone_nothing_is_wider_than_the_screen(person, user, purpose, state):
    ana = person()
    phone = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    ana.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    User.objects.update(email=f"{'long-' * 12}@{'name-' * 12}.example.com")
    link = replace(User.objects.get(), purpose, User.objects.get().email)
    ana.follow(f"/account/{purpose}#token={link.renew().token if state == 'opened' else 'x' * 43}")
    for summary in ana.browser.find_elements(By.CSS_SELECTOR, "details:not([hidden]) summary"):
        summary.click()
    ana.picture(f"phone-{purpose}-{state}")

    width = ana.browser.execute_script("return document.documentElement.scrollWidth")
    assert width <= 360
    sizes = ana.browser.execute_script(
        "return [...document.querySelectorAll('input:not([type=hidden], .unseen),button,summary')]"
        ".filter(e => e.offsetParent).map(e => e.getBoundingClientRect().height)"
    )
    assert sizes
    assert min(sizes) >= 44


def test_without_scripts_the_code_is_typed(person, reset_link, user):
    ana = person()
    ana.browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    address, token = re.fullmatch(r"(\S+)#token=(\S+)", reset_link).groups()
    ana.open(address)
    ana.browser.find_element(By.TAG_NAME, "summary").click()
    ana.picture("no-script")

    ana.browser.find_element(By.ID, "code").send_keys(token)
    assert user.email in ana.send()
    ana.fill(password=NEW)
    ana.send()

    assert User.objects.get().check_password(NEW)
