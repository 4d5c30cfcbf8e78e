"""How EMAIL_URL, EMAIL_FROM and FRONTEND_URL are read."""

import ssl
import subprocess
import sys
from email.utils import parseaddr

import pytest
from django.core.mail import EmailMessage, get_connection
from django.core.mail.message import sanitize_address
from environs import ValidationError
from hypothesis import example, given
from hypothesis import strategies as st

from lazyrabbit.environment import parse_email_url, parse_mailbox
from lazyrabbit.tests.conftest import PRODUCTION, ROOT

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("url", "host", "port", "is_ssl", "is_tls"),
    [
        ("smtp://localhost", "localhost", 25, False, False),
        ("smtp://10.0.0.9:2525", "10.0.0.9", 2525, False, False),
        ("smtp://user:p%40ss@mail.example.com", "mail.example.com", 587, False, True),
        ("smtps://user:p%40ss@mail.example.com", "mail.example.com", 465, True, False),
        ("smtps://user:p%40ss@mail.example.com:2465", "mail.example.com", 2465, True, False),
    ],
)
def test_a_password_for_the_mail_server_never_travels_in_the_clear(url, host, port, is_ssl, is_tls):
    parsed = parse_email_url(url)

    assert (parsed["EMAIL_HOST"], parsed["EMAIL_PORT"]) == (host, port)
    assert (parsed["EMAIL_USE_SSL"], parsed["EMAIL_USE_TLS"]) == (is_ssl, is_tls)
    assert parsed["EMAIL_HOST_PASSWORD"] == ("p@ss" if "user" in url else "")
    assert parsed["EMAIL_BACKEND"] == "django.core.mail.backends.smtp.EmailBackend"


@pytest.mark.parametrize(
    "mailbox",
    [
        "a@example.com",
        "<a@example.com>",
        '"Ñu, Inc." <a+b@mail.example.com>',
        '"Acme: Accounts" <a@example.com>',
        "A <a@b>",
        "日本 <a@example.com>",
    ],
)
def test_mail_is_from_one_mailbox_with_or_without_a_name(mailbox):
    assert parse_mailbox(mailbox) == mailbox


@pytest.mark.parametrize(
    "mailbox",
    [
        "Accounts <accounts@example.com",
        "a@example.com, c4n4ry@example.com",
        "Accounts <a@example.com> c4n4ry",
        "Accounts\n<accounts@example.com>",
        "Acme: 日本 <c4n4ry@example.com>",
        "Acme, Inc. <c4n4ry@example.com>",
        "Lazy \\ R <c4n4ry@example.com>",
        "Acme <c4n4ry@example.com.>",
        "Acme <c4n4ry@example..com>",
        "Acme <c4n4ryé@example.com>",
        "c4n4ryé@example.com",
        "<>",
    ],
)
def test_a_mailbox_that_mail_cannot_be_from_is_refused_and_not_repeated(mailbox):
    with pytest.raises(ValidationError) as refused:
        parse_mailbox(mailbox)

    assert "Expected " in str(refused.value)
    assert "c4n4ry" not in str(refused.value)


@example(text="!a=@ [ ")  # What Python's own parser stumbles over.
@example(text='"')
@example(text="<>")
@example(text=".<\\")
@given(text=st.text(st.sampled_from('ab@.<>"\\,;:()[] \té日=?_-\n\0%!'), max_size=12))
def test_mail_can_be_sent_from_every_mailbox_that_is_accepted(text):
    try:
        mailbox = parse_mailbox(text)
    except ValidationError:
        return
    mail = EmailMessage("Subject", "Text.", mailbox, ["ana@example.com"])
    mail.message().as_bytes()
    assert sanitize_address(mailbox, "utf-8").isascii()
    assert parseaddr(sanitize_address(mailbox, "utf-8"))[1] in mailbox


def test_mail_goes_to_a_folder_or_the_console():
    assert parse_email_url("file:///var/mail")["EMAIL_FILE_PATH"] == "/var/mail"
    assert parse_email_url("console:")["EMAIL_BACKEND"] == "lazyrabbit.console.EmailBackend"


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({}, "http://127.0.0.1:8000/account"),
        ({"FRONTEND_URL": "https://app.example.com/x/"}, "https://app.example.com/x"),
        (PRODUCTION, "https://accounts.example.com/account"),
    ],
)
def test_links_in_mails_lead_to_frontend_url_or_our_pages(environment, address):
    code = "import lazyrabbit.settings as s; print(s.LINK_URL)"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == address


@pytest.mark.parametrize("url", ["smtp://u:p@mail.example.com", "smtps://u:p@mail.example.com"])
def test_the_certificate_of_the_mail_server_is_checked(settings, url):
    for name, value in parse_email_url(url).items():
        setattr(settings, name, value)

    server = get_connection(settings.EMAIL_BACKEND)

    assert server.use_tls or server.use_ssl
    assert server.ssl_context.verify_mode == ssl.CERT_REQUIRED
    assert server.ssl_context.check_hostname
