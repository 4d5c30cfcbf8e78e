"""The pages on which a person asks for another link."""

import re

import pytest

from accounts.link_pages.tests.test_open_a_link import open_link, text
from accounts.outbox.tests.test_ask_for_links import NO_ADDRESSES
from accounts.passwords.tests.test_reset_the_password import token_in

pytestmark = pytest.mark.django_db


def test_a_link_is_asked_for(browser, user, deliver):
    known = browser.post("/account/forgot-password", {"email": " Test@Example.com"})
    unknown = browser.post("/account/forgot-password", {"email": "nobody@example.com"})

    assert text(known) == text(unknown)
    assert [message.to for message in deliver()] == [["test@example.com"]]


def test_another_link_to_confirm_an_address_is_asked_for(browser, client, test_user_data, deliver):
    client.post("/api/v1/auth/signup", test_user_data)
    first = token_in(deliver()[-1])
    known = browser.post("/account/resend-verification", {"email": " Test@Example.com"})
    unknown = browser.post("/account/resend-verification", {"email": "nobody@example.com"})

    assert (known.status_code, text(known)) == (200, text(unknown))
    assert "If the address has an account and is not confirmed yet" in text(known)
    assert [message.to for message in deliver()] == [["test@example.com"]] * 2
    newer = token_in(deliver()[-1])
    assert open_link(browser, "verify-email", first).status_code == 400
    assert open_link(browser, "verify-email", newer).status_code == 200


@pytest.mark.parametrize("page", ["forgot-password", "resend-verification"])
@pytest.mark.parametrize(
    ("email", "language", "sentence"),
    [
        *((email, "en", "Enter a valid email address.") for email in NO_ADDRESSES),
        ("nonsense", "es", "Introduzca una dirección de correo electrónico válida."),
        ("", "en", "This field is required."),
        ("  ", "en", "This field is required."),
    ],
)
def test_an_invalid_email_address_is_named(browser, user, deliver, page, email, language, sentence):
    headers = {"Accept-Language": language}
    answer = browser.post(f"/account/{page}", {"email": email}, headers=headers)

    assert answer.status_code == 400
    assert sentence in text(answer)
    assert deliver() == []


def test_a_person_over_the_limit_is_told_when_to_return(browser, user, settings):
    settings.MAIL_RATE_NETWORK = (1, settings.MAIL_RATE_NETWORK[1])
    browser.post("/account/forgot-password", {"email": user.email})

    page = browser.post("/account/forgot-password", {"email": user.email})

    assert page.status_code == 429
    assert 1 <= int(page.headers["Retry-After"]) <= 3600
    assert "Too many attempts, try again later." in text(page)
    (focused,) = re.findall(r"<[^>]* autofocus[^>]*>", page.content.decode())
    assert 'role="alert"' in focused
