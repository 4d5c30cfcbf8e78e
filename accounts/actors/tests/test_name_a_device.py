"""A device has a name in our words, given when a row is written."""

import re
import unicodedata

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from accounts.actors import devices
from accounts.actors.actor import Actor
from accounts.events.models import Event, EventName
from accounts.sessions.models import Session

SIGNIN, REFRESH = "/api/v1/auth/signin", "/api/v1/auth/refresh"
SESSIONS, EVENTS = "/api/v1/users/me/sessions", "/api/v1/users/me/events"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile Safari"
HOSTILE = (
    "Your account is locked. Unlock it at https://evil.example/login/1.0 CFNetwork/978 Darwin/18"
)
VOCABULARY = devices.BROWSERS | devices.SYSTEMS


@pytest.fixture
def no_parser(monkeypatch):
    """Make every call of the parser fail, and clear the remembered names."""
    devices.name.cache_clear()

    def parser():
        raise AssertionError("The parser was called.")

    monkeypatch.setattr(devices, "parser", parser)


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (IPHONE, "Mobile Safari on iOS"),
        ("curl/8.5.0", "curl"),
        (HOSTILE, "iOS"),
        ("Your-account-is-locked/1.0", "Unknown device"),
        ("", "Unknown device"),
        ("(" * 512, "Unknown device"),
        ("x" * 200 + FIREFOX, "Unknown device"),
    ],
)
def test_a_device_is_named_by_its_known_parts(user_agent, name):
    assert devices.device(user_agent) == name


def test_no_word_of_ours_is_more_than_a_name():
    for word in VOCABULARY:
        assert re.fullmatch(r"[A-Za-z0-9 /-]{2,30}", word), word
        assert "//" not in word
        assert " on " not in word


# Parts of a user agent that match patterns, including those that copy the family from it.
TOKENS = st.sampled_from(
    [
        "Mozilla/5.0",
        "(X11; Linux x86_64)",
        "Firefox/1.0",
        "CFNetwork/978 Darwin/18",
        "Version/4.0",
        "Mobile Safari/5",
        "https://evil.example/login/1.0",
        "www.evil.example/2",
        "Bot/1.0",
        "(compatible; evil.example/1.0)",
        "\u202eevil\u2066",
        "a\r\nb",
    ]
)
USER_AGENTS = st.lists(TOKENS | st.text(max_size=40), max_size=8).map(" ".join)


@given(USER_AGENTS)
def test_every_device_has_a_name_from_our_list(user_agent):
    name = devices.device(user_agent)

    assert len(name) <= 64
    parts = devices.parts(name)
    assert (parts is None) == (name == devices.UNKNOWN)
    assert set(parts or ()) <= VOCABULARY | {""}


@given(st.text())
def test_words_that_are_not_ours_are_no_device(words):
    assert devices.parts(f"{words}.evil.example") is None
    assert devices.parts(f"Firefox on {words}.evil.example") is None
    assert devices.parts(f"{words}.evil.example on Linux") is None


@given(USER_AGENTS.map(lambda text: text.encode("utf-8", "replace").decode("latin-1")))
def test_a_stored_user_agent_is_one_short_line(user_agent):
    request = type("Request", (), {"META": {"HTTP_USER_AGENT": user_agent}, "COOKIES": {}})()
    kept = Actor.from_request(request).user_agent

    assert len(kept) <= 512
    assert not [char for char in kept if unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"}]


def test_a_user_agent_is_parsed_once(monkeypatch):
    calls, parser = [], devices.parser
    devices.name.cache_clear()
    monkeypatch.setattr(devices, "parser", lambda: calls.append(1) or parser())

    for number in range(50):
        devices.device(f"curl/8.5.0 {' ' * 189}{number}")

    assert len(calls) == 2  # The browser and the system.
    assert devices.name.cache_info().maxsize == 1000


@pytest.mark.django_db
def test_rows_are_named_when_they_are_written_and_read_without_the_parser(
    sign_in, superuser, user, request
):
    member = sign_in(**{"User-Agent": FIREFOX})
    assert Session.objects.get().device == "Firefox on Linux"
    event = Event.objects.get(name=EventName.SIGNIN_SUCCEEDED, user=user)
    assert event.device == "Firefox on Linux"
    request.getfixturevalue("no_parser")

    assert [item["device"] for item in member.get(SESSIONS).json()] == ["Firefox on Linux"]
    assert [item["device"] for item in member.get(EVENTS).json()["items"]] == ["Firefox on Linux"]
    for page in (
        reverse("admin:accounts_user_change", args=[user.pk]),
        reverse("admin:accounts_event_change", args=[event.pk]),
    ):
        assert "Firefox on Linux" in superuser.get(page).content.decode()
    assert superuser.get(reverse("admin:accounts_event_changelist")).status_code == 200


@pytest.mark.django_db
def test_rows_of_an_earlier_version_are_read_without_the_parser(member, no_parser):
    Session.objects.update(user_agent=FIREFOX, device=devices.UNKNOWN)
    Event.objects.update(user_agent=FIREFOX, device=devices.UNKNOWN)

    (session,), (event,) = member.get(SESSIONS).json(), member.get(EVENTS).json()["items"]

    assert (session["user_agent"], session["device"]) == (FIREFOX, "Unknown device")
    assert (event["user_agent"], event["device"]) == (FIREFOX, "Unknown device")


@pytest.mark.django_db
def test_a_session_without_a_name_gets_one_with_its_refresh(
    client, member, django_assert_num_queries
):
    Session.objects.update(device=devices.UNKNOWN)
    body = {"refresh_token": member.tokens["refresh_token"]}

    with django_assert_num_queries(1):
        answer = client.post(REFRESH, body, headers={"User-Agent": FIREFOX})
    assert Session.objects.get().device == "Firefox on Linux"

    body = {"refresh_token": answer.json()["refresh_token"]}
    assert client.post(REFRESH, body, headers={"User-Agent": "curl/8"}).status_code == 200
    assert Session.objects.get().device == "Firefox on Linux"


@pytest.mark.django_db
def test_from_where_staff_acted_is_not_told_by_the_device(member, user):
    staff = Actor("192.0.2.99", FIREFOX, by="staff", staff_id=987654321)
    Event.objects.record(EventName.PROFILE_CHANGED, staff, user.pk, fields=["full_name"])
    assert Event.objects.latest("id").device == "Firefox on Linux"

    assert member.get(EVENTS).json()["items"][0]["device"] == "Unknown device"
