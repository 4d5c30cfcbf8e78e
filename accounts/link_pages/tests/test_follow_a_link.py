"""The pages behind the links in mails, for teams without a frontend."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.link_pages.tests.test_open_a_link import assert_labelled, open_link, text
from accounts.passwords.tests.test_reset_the_password import token_in
from accounts.sessions.models import Session
from accounts.users.models import User

PAGES = [
    "reset-password",
    "verify-email",
    "confirm-email-change",
    "undo-email-change",
    "forgot-password",
    "resend-verification",
]
NEW = "anotherpassword123"
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_strict_and_whole(browser, name):
    for address in (f"/account/{name}", f"/account/{name}/"):
        page = browser.get(address)

        assert page.status_code == 200
        policy = page.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
        assert policy.endswith(" form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert page.headers["Cache-Control"] == "no-store"
        content = page.content.decode()
        assert not re.search(r"<script(?! src)|<style| style=| on\w+=", content)
        assert set(re.findall(r'(?:src|href)="([^"]+)"', content)) <= {
            "/static/link_pages/page.css",
            "/static/link_pages/token.js",
            "/account/forgot-password",
            "/account/resend-verification",
        }
        assert_labelled(content)


@pytest.mark.parametrize("asset", ["page.css", "token.js"])
def test_its_assets_are_served_by_us(browser, asset):
    answer = browser.get(f"/static/link_pages/{asset}")
    assert answer.status_code == 200
    answer.close()


def test_a_page_and_an_error_name_the_product(browser, settings):
    settings.SITE_NAME = "Ñandú & Co"

    for address in ("/account/reset-password", "/account/nowhere"):
        page = browser.get(address, headers={"Accept": "text/html"})
        title = re.search("<title>(.*)</title>", page.content.decode())[1]
        assert title.endswith(" Ñandú &amp; Co")


@pytest.mark.parametrize("name", PAGES)
def test_with_a_frontend_there_are_no_pages(browser, name, settings):
    settings.FRONTEND_URL = "https://app.example.com"

    assert browser.get(f"/account/{name}").status_code == 404
    assert browser.post(f"/account/{name}", {}).status_code == 404


def test_another_page_is_not_there(browser):
    assert browser.get("/account/nowhere").status_code == 404
    assert browser.get("/account/").status_code == 404


def test_a_password_is_set(browser, member, token, user):
    page = browser.post("/account/reset-password", {"token": token, "password": NEW})

    assert page.status_code == 200
    assert "Your password is set" in text(page)
    assert User.objects.get().check_password(NEW)
    assert not Session.objects.live().exists()


@pytest.mark.parametrize("password", [" spaces stay  ", "пароль-долгий"])
def test_a_typed_password_is_used_unchanged(browser, token, password):
    browser.post("/account/reset-password", {"token": token, "password": password})

    assert User.objects.get().check_password(password)


def test_behind_a_wrong_link_there_is_no_password_to_correct(browser, token, user):
    page = browser.post("/account/reset-password", {"token": "x" * 43, "password": "short"})

    assert page.status_code == 400
    assert "This link is invalid or has expired." in text(page)
    assert "This password is too short" not in text(page)
    assert 'href="/account/forgot-password"' in page.content.decode()
    assert User.objects.get().password == user.password


def test_a_refused_password_keeps_the_link(browser, token, user):
    page = browser.post("/account/reset-password", {"token": token, "password": "short"})

    assert page.status_code == 400
    content = page.content.decode()
    assert "This password is too short" in text(page)
    assert "<title>Error: Set a new password" in content
    assert f'value="{token}"' in content
    invalid = re.findall(r'<input[^>]* name="(\w+)"[^>]* aria-invalid="true"', content)
    assert invalid == ["password"]
    (focused,) = re.findall(r"<[^>]* autofocus[^>]*>", content)
    assert 'name="password"' in focused
    assert f"<dd>{user.email}</dd>" in content
    assert "short" not in re.findall(r'value="([^"]*)"', content)
    assert User.objects.get().password == user.password
    again = browser.post("/account/reset-password", {"token": token, "password": NEW})
    assert again.status_code == 200


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(
    "form",
    [
        {},
        {"token": "\0", "email": "\0", "password": "\0"},
        {"token": "x" * 100_000, "email": "x" * 100_000, "password": "x" * 100_000},
        {"token": ["a", "b"], "email": ["a", "b"]},
    ],
    ids=["nothing", "nul", "long", "twice"],
)
def test_no_form_is_an_error_of_ours(browser, user, name, form):
    assert browser.post(f"/account/{name}", form).status_code in {200, 400}
    assert User.objects.get().password == user.password
    json = browser.post(f"/account/{name}", "{}", content_type="application/json")
    assert json.status_code == 400


def test_a_foreign_site_cannot_send_a_form(token, user):
    browser = Client(enforce_csrf_checks=True)

    page = browser.post("/account/reset-password", {"token": token, "password": NEW})

    assert page.status_code == 403
    assert User.objects.get().password == user.password


@pytest.fixture
def verification(client, deliver):
    """The token mailed to a person who signed up and has a session."""
    person = {"email": "ana@example.com", "password": "securepassword123"}
    client.post("/api/v1/auth/signup", person)
    client.post("/api/v1/auth/signin", person)
    return token_in(deliver()[-1])


def test_the_password_confirms_the_email_address(browser, verification):
    form = {"token": verification, "current_password": "securepassword123"}
    page = browser.post("/account/verify-email", form)

    assert "Your address is confirmed." in text(page)
    assert User.objects.get().email_verified
    assert Session.objects.live().exists()


def test_an_address_that_is_confirmed_is_said_to_be_so(browser, verification):
    form = {"token": verification, "current_password": "securepassword123"}
    browser.post("/account/verify-email", form)

    page = browser.post("/account/verify-email", form)

    assert page.status_code == 200
    assert "Your address is confirmed already." in text(page)
    opened = open_link(browser, "verify-email", verification)
    assert opened.status_code == 200
    assert "Your address is confirmed already." in text(opened)


def test_a_wrong_password_confirms_nothing(browser, verification):
    form = {"token": verification, "current_password": "wrong"}
    page = browser.post("/account/verify-email", form)

    assert page.status_code == 400
    assert "Current password is incorrect" in text(page)
    assert not User.objects.get().email_verified


def test_without_the_password_nothing_is_confirmed_and_nothing_lost(browser, verification):
    opened = open_link(browser, "verify-email", verification)
    assert "It was me: confirm the address" in text(opened)
    assert "I did not sign up" in text(opened)
    form = {"token": verification, "current_password": ""}

    page = browser.post("/account/verify-email", form)

    assert page.status_code == 400
    assert "This field is required." in text(page)
    assert not User.objects.get().email_verified
    assert Session.objects.live().exists()


@pytest.mark.parametrize("typed", ["", "wrong"])
def test_a_victim_of_a_false_sign_up_takes_over_the_account(browser, verification, deliver, typed):
    form = {"token": verification, "current_password": typed, "start_over": "yes"}
    page = browser.post("/account/verify-email", form)

    assert "We sent you a link to set a new password." in text(page)
    assert User.objects.get().email_verified
    assert not Session.objects.live().exists()
    form = {"token": token_in(deliver()[-1]), "password": NEW}
    assert browser.post("/account/reset-password", form).status_code == 200
    assert User.objects.get().check_password(NEW)


def test_an_address_is_changed_and_brought_back(browser, member, deliver):
    User.objects.update(email_verified_at=timezone.now() - timedelta(days=8))
    member.post("/api/v1/users/me/change-email", {"new_email": "new@example.com"})
    form = {"token": token_in(deliver()[-1])}
    opened = open_link(browser, "confirm-email-change", form["token"]).content.decode()
    assert "<dt>New address</dt><dd>new@example.com</dd>" in opened
    assert "<dt>Present address</dt><dd>t•••@example.com</dd>" in opened
    assert "test@example.com" not in opened  # A mistyped email address may be a stranger's.
    for wrong in ({}, {"current_password": ""}, {"current_password": "wrong"}):
        page = browser.post("/account/confirm-email-change", form | wrong)
        assert page.status_code == 400
        assert User.objects.get().email == "test@example.com"
    form["current_password"] = "testpassword123"
    page = browser.post("/account/confirm-email-change", form)
    assert "Your account has its new address." in text(page)
    assert User.objects.get().email == "new@example.com"

    undo = next(m for m in deliver() if m.to == ["test@example.com"])
    opened = open_link(browser, "undo-email-change", token_in(undo)).content.decode()
    assert "<dd>test@example.com</dd>" in opened
    assert "new@example.com" not in opened
    page = browser.post("/account/undo-email-change", {"token": token_in(undo)})
    assert "Your address is back" in text(page)
    assert User.objects.get().email == "test@example.com"


def test_pages_and_their_errors_are_in_spanish_for_spanish_readers(browser, token):
    headers = {"Accept-Language": "es"}
    page = browser.get("/account/reset-password", headers=headers)
    assert '<html lang="es">' in page.content.decode()
    assert "Elige una contraseña nueva" in text(page)

    form = {"token": token, "password": "short"}
    refused = browser.post("/account/reset-password", form, headers=headers)
    assert "contraseña es demasiado corta" in text(refused)
    form = {"token": "x", "password": NEW}
    wrong = browser.post("/account/reset-password", form, headers=headers)
    assert "Este enlace no es válido o ha caducado." in text(wrong)


def test_the_api_speaks_english_to_everyone(client, db):
    body = {"email": "a@example.com", "password": "short"}
    answer = client.post("/api/v1/auth/signup", body, headers={"Accept-Language": "es"})

    assert answer.json()["detail"].startswith("This password is too short.")
