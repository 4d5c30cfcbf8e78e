"""Opening a link shows the account it is about and changes nothing."""

import re

import pytest
from django.test import Client

from accounts.events.models import Event
from accounts.links.models import Link
from accounts.sessions.models import Session
from accounts.users.models import User

NEW = "anotherpassword123"
pytestmark = pytest.mark.django_db


def text(page) -> str:
    return re.sub(r"<[^>]+>", " ", page.content.decode())


def open_link(browser, name: str, token: str):
    """Do what the page's script does after loading."""
    return browser.post(f"/account/{name}", {"open": "yes", "token": token})


def assert_labelled(content: str) -> None:
    fields = re.findall(r'<input type="(?!hidden)[^>]* id="(\w+)"', content)
    assert fields
    assert len(fields) == len(set(fields))
    assert set(re.findall(r'<label for="(\w+)"', content)) == set(fields)


WAYS_ON = {
    "reset-password": "works once, for 60 minutes. Ask for a new link",
    "verify-email": "works for 24 hours, and only the newest one does. Ask for a new link",
    "confirm-email-change": "change your address again where you are signed in.",
    "undo-email-change": "look in your mail for the link to set a new password",
}


@pytest.mark.parametrize("name", WAYS_ON)
@pytest.mark.parametrize("token", ["x" * 43, "x" * 100_000, "\0", ""])
@pytest.mark.parametrize("step", [{"open": "yes"}, {"password": NEW, "current_password": NEW}])
def test_a_wrong_link_gets_a_page_with_a_way_on(browser, user, name, token, step):
    page = browser.post(f"/account/{name}", {"token": token, **step})

    assert page.status_code == 400
    said = " ".join(text(page).split())
    assert "This link is invalid or has expired." in said
    assert WAYS_ON[name] in said
    content = page.content.decode()
    assert f"<title>Error: {page.context['form'].title}" in content
    assert "<details>" in content
    assert 'id="act"' not in content
    assert token == "" or token not in content
    assert user.email not in content
    assert_labelled(content)


def test_a_wrong_link_leads_to_the_page_that_sends_another(browser, user):
    for name, asks in (
        ("reset-password", "forgot-password"),
        ("verify-email", "resend-verification"),
    ):
        content = open_link(browser, name, "x" * 43).content.decode()
        assert re.findall(r'<a href="([^"]+)"', content) == [f"/account/{asks}"]


def unchanged() -> tuple:
    """Return everything a link could change."""
    return (
        list(User.objects.order_by("pk").values()),
        list(Link.objects.order_by("pk").values()),
        list(Session.objects.order_by("pk").values()),
        Event.objects.count(),
    )


def test_a_link_that_is_opened_says_whose_it_is_and_does_nothing(browser, member, token, user):
    before = unchanged()

    for _ in range(2):
        page = open_link(browser, "reset-password", token)

        assert page.status_code == 200
        assert page.headers["Cache-Control"] == "no-store"
        content = page.content.decode()
        assert f"<dt>Account</dt><dd>{user.email}</dd>" in content
        (username,) = re.findall(r'<input [^>]*autocomplete="username"[^>]*>', content)
        assert f'value="{user.email}"' in username
        assert re.search(rf'<input type="hidden" name="token" value="{token}"', content)
        assert "<details hidden>" in content
        assert "aria-invalid" not in content
        assert_labelled(content)

    assert unchanged() == before


@pytest.mark.parametrize(
    "change",
    [{"is_active": False}, {"email": "other@example.com"}],
)
def test_a_link_that_is_void_opens_nothing(browser, token, change):
    User.objects.update(**change)

    page = open_link(browser, "reset-password", token)

    assert page.status_code == 400
    assert "example.com" not in page.content.decode()


@pytest.mark.parametrize("name", ["verify-email", "confirm-email-change", "undo-email-change"])
def test_a_link_of_another_purpose_opens_nothing(browser, token, user, name):
    page = open_link(browser, name, token)

    assert page.status_code == 400
    assert user.email not in page.content.decode()


def test_a_foreign_site_cannot_open_a_link(token):
    browser = Client(enforce_csrf_checks=True)

    assert open_link(browser, "reset-password", token).status_code == 403
