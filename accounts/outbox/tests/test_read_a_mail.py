"""The words of every mail, in every language."""

import re
from html import unescape
from pathlib import Path

import polib
import pytest
from django.conf import settings

from accounts.outbox.texts import mail

ACCOUNTS = Path(__file__).parent.parent.parent
TEMPLATES = sorted(path.stem for path in (ACCOUNTS / "templates/outbox").glob("*.txt"))
CATALOGS = sorted((ACCOUNTS / "locale").glob("*/LC_MESSAGES/django.po"))
LANGUAGES = [language for language, _ in settings.LANGUAGES]
CONTEXT = {
    "email": "ana@example.com",
    "ip_address": "192.0.2.7",
    "device": "Firefox on Linux",
}
LINK = "https://app.example.com/reset-password#token=" + "x" * 43


def render(template: str, language: str):
    return mail(template, language, "ana@example.com", url=LINK, **CONTEXT)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", TEMPLATES)
def test_a_mail_is_complete(template, language):
    message = render(template, language)
    html, kind = message.alternatives[0]

    assert re.fullmatch(r"[^\n]{5,78}", message.subject)
    assert len(message.body) > 60
    assert kind == "text/html"
    assert f'<html lang="{language}">' in str(html)
    assert message.subject in str(html)
    assert set(re.findall(r"https?://\S+", message.body)) <= {LINK}
    assert not re.search(r"<(img|script|link|iframe)|src=|url\(", str(html))
    assert re.findall(r'href="([^"]+)"', str(html)) == [LINK] * (LINK in message.body)
    words = re.sub(r"<head>.*?</head>|<[^>]+>", " ", str(html), flags=re.DOTALL)
    assert unescape(words).split() == message.body.split()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", TEMPLATES)
def test_a_mail_names_the_product(settings, template, language):
    settings.SITE_NAME = "Ñandú & Söhne 100%"

    message = render(template, language)

    assert message.body.count("Ñandú & Söhne 100%") == 1
    assert str(message.alternatives[0][0]).count("Ñandú &amp; Söhne 100%") == 1
    assert "Rabbit" not in message.body


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_language_has_words_of_its_own(template):
    messages = [render(template, language) for language in LANGUAGES]

    assert len({message.subject for message in messages}) == len(LANGUAGES)
    assert len({message.body for message in messages}) == len(LANGUAGES)


def test_nothing_but_our_own_link_can_be_clicked():
    """A new email address that a stranger made up could be a link to their site in our mail."""
    email = "www.evil.example/https://evil.example/@evil.example"
    message = mail("email_changed", "en", "ana@example.com", url=LINK, email=email)

    hrefs = re.findall(r'href="([^"]+)"', str(message.alternatives[0][0]))
    assert hrefs == [LINK]
    assert "another address (w…@e…)" in message.body
    assert "evil" not in message.body


def test_text_typed_by_staff_is_escaped():
    email = "<b>&quot;</b>@example.com"
    message = mail("email_changed", "en", email, email=email)

    assert email in message.body
    assert "<b>" not in str(message.alternatives[0][0])


def test_the_queue_of_an_earlier_version_speaks_in_our_words_too():
    """A task of an earlier version held the client's own words."""
    context = {"ip_address": None, "device": "Unlock it at https://evil.example/login on iOS"}
    message = mail("signin_from_new_network", "en", "ana@example.com", **context)

    assert "new to it (an unknown address, an unknown device), after" in message.body


@pytest.mark.parametrize(
    ("language", "device", "words"),
    [
        ("en", "Firefox on Linux", "Firefox on Linux"),
        ("es", "Firefox on Linux", "Firefox en Linux"),
        ("es", "curl", "curl"),
        ("es", "iOS", "iOS"),
        ("es", "Unknown device", "un dispositivo desconocido"),
        ("en", "", "an unknown device"),
    ],
)
def test_a_device_is_named_in_the_language_of_the_mail(language, device, words):
    context = {"ip_address": "::ffff:192.0.2.7", "device": device}
    message = mail("signin_from_new_network", language, "ana@example.com", **context)

    assert f"(192.0.2.7, {words})" in message.body


@pytest.mark.parametrize("catalog", CATALOGS, ids=str)
def test_everything_is_translated_and_compiled(catalog):
    entries = polib.pofile(str(catalog))
    compiled = polib.mofile(str(catalog.with_suffix(".mo")))

    assert entries.percent_translated() == 100
    assert {e.msgid: e.msgstr for e in entries} == {e.msgid: e.msgstr for e in compiled}
    for entry in entries:
        assert re.findall(r"%\(\w+\)[sd]", entry.msgid) == re.findall(r"%\(\w+\)[sd]", entry.msgstr)


def test_every_language_has_a_catalog():
    assert [path.parent.parent.name for path in CATALOGS] == sorted(set(LANGUAGES) - {"en"})
