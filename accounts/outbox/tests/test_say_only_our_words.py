"""A mail holds no word, link or email address that a stranger chose."""

import re
import unicodedata

import pytest
from django.conf import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.actors import ip_addresses
from accounts.actors.actor import Actor
from accounts.links.models import Purpose
from accounts.outbox.tests.test_read_a_mail import LANGUAGES, TEMPLATES
from accounts.outbox.texts import link_url, mail
from accounts.sessions.models import Session

SIGNIN = "/api/v1/auth/signin"
ME = "/api/v1/users/me"
LOCKED = (
    "Your account is locked. Unlock it at https://evil.example/login/1.0 CFNetwork/978 Darwin/18"
)
OWNER = "ana@example.com"
PIECES = st.sampled_from(
    [
        "https://evil.example/",
        "http://evil.example",
        "www.evil.example",
        "evil.example",
        "evil@evil.example",
        "mailto:evil@evil.example",
        "//evil.example",
        "Your account is locked.",
        "\r\nBcc: all@example.com",
        "\u2028",
        "\u202e",
        "\u2066",
        "\u200b",
        "<a href='https://evil.example'>here</a>",
        "{{ url }}{% load evil %}",
        "%(email)s",
        " on ",
        "Firefox",
        "Linux",
        "CFNetwork/978 Darwin/18",
        "192.0.2.7",
        "fe80::1%evil.example",
    ]
)
WORDS = st.lists(PIECES | st.text(max_size=10), min_size=1, max_size=6).map("".join)
EMAILS = st.builds("{}@{}.example".format, WORDS, st.just("evil"))
ADDRESSES = st.none() | WORDS | st.ip_addresses().map(str)


def foreign(text: str, own: list[str]) -> list[str]:
    """Return text that a program may take for a link or an email address, except our own."""
    for known in own:
        text = text.replace(known, " ")
    found = re.findall(r"\S*(?://|\w@\w|\w\.\w|www|mailto)\S*", text, re.IGNORECASE)
    turned = [c for c in text if c != "\n" and unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"}]
    return found + turned


def subject_of(template: str, language: str) -> str:
    return mail(template, language, OWNER, email=OWNER).subject


SUBJECTS = {
    (name, language): subject_of(name, language) for name in TEMPLATES for language in LANGUAGES
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", TEMPLATES)
@given(user_agent=WORDS, device=WORDS, name=WORDS, email=EMAILS, ip_address=ADDRESSES)
@hypothesis_settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_no_mail_says_what_a_stranger_says(
    template, language, user_agent, device, name, email, ip_address
):
    url = link_url(Purpose.RESET, "x" * 43)
    chosen = {"user_agent": user_agent, "full_name": name, "ip_address": ip_address}
    devices = [device, Actor(user_agent=user_agent).device]

    for device_name in devices:
        message = mail(
            template, language, OWNER, url=url, email=email, device=device_name, **chosen
        )

        page = str(message.alternatives[0][0])
        assert message.subject == SUBJECTS[template, language]
        assert message.to == [OWNER]
        own = [url]
        if known := ip_addresses.parse(ip_address or ""):
            own.append(str(known))
        assert foreign(message.body, own) == []
        assert foreign(re.sub(r"<[^>]+>", " ", page), own) == []
        assert re.findall(r'href="([^"]+)"', page) == [url] * (url in message.body)
        assert len(message.body) < 1000


def test_a_link_or_a_turned_word_would_be_seen():
    for text in ("see www.evil.example", "a@b", "x evil.example.", "//evil", "\u202eabc", "a\rb"):
        assert foreign(text, [])


@pytest.mark.django_db
@pytest.mark.parametrize("peer", ["192.0.2.7", "2001:db8::7"])
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "from a network that is new to it ({}, iOS), after at least five attempts"),
        ("es", "desde una red nueva ({}, iOS), tras al menos cinco intentos"),
        ("https://evil.example/, \u202e;q=1", "from a network that is new to it ({}, iOS), after"),
    ],
)
def test_a_guessers_user_agent_puts_no_words_into_our_mail(
    client, sign_in, deliver, user, peer, language, words
):
    headers = {"User-Agent": LOCKED, "Accept-Language": language}
    for _ in range(5):
        body = {"email": user.email, "password": "a wrong guess"}
        answer = client.post(SIGNIN, body, headers=headers, REMOTE_ADDR="198.51.100.9")
        assert answer.status_code == 401
    body = {"email": user.email, "password": "testpassword123"}
    answer = client.post(SIGNIN, body, headers=headers, REMOTE_ADDR=peer)
    assert answer.status_code == 200

    (message,) = deliver()
    assert message.to == [user.email]
    assert words.format(peer) in message.body
    for text in (
        message.subject,
        message.body,
        re.sub(r"<[^>]+>", " ", message.alternatives[0][0]),
    ):
        assert foreign(text, [peer]) == []
        assert "locked" not in text
        assert "Unlock" not in text

    owner = sign_in()
    stranger = Session.objects.get(user_agent=LOCKED)
    assert stranger.device == "iOS"
    shown = owner.get(f"{ME}/sessions").json() + owner.get(f"{ME}/events").json()["items"]
    assert {item["device"] for item in shown if item["user_agent"] == LOCKED} == {"iOS"}


@pytest.mark.django_db
def test_the_name_that_a_stranger_gave_the_account_is_in_no_mail(client, deliver):
    body = {
        "email": "victim@example.com",
        "password": "a strangers password",
        "full_name": "Your account is locked. Unlock it at https://evil.example/",
    }
    assert client.post("/api/v1/auth/signup", body).status_code == 201

    (message,) = deliver()
    assert re.findall(r"https?://[^#\s]+", message.body) == [f"{settings.LINK_URL}/verify-email"]
    assert "evil" not in f"{message.subject} {message.body} {message.alternatives[0][0]}"
