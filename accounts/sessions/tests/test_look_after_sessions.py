"""A member sees their sessions and ends them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.sessions.models import Session
from accounts.users.models import User

URL = "/api/v1/users/me/sessions"
ME = "/api/v1/users/me"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
pytestmark = pytest.mark.django_db


def test_a_member_sees_the_live_sessions(sign_in, user):
    phone, laptop = sign_in(), sign_in(**{"User-Agent": FIREFOX})
    ended = sign_in()
    ended.post("/api/v1/auth/signout", {})

    answer = laptop.get(URL)

    assert answer.status_code == 200
    newest, oldest = Session.objects.live().order_by("-last_used_at")
    assert answer.json() == [
        {
            "id": str(session.pk),
            "current": session == newest,
            "created_at": session.created_at.isoformat().replace("+00:00", "Z"),
            "last_used_at": session.last_used_at.isoformat().replace("+00:00", "Z"),
            "expires_at": session.expires_at.isoformat().replace("+00:00", "Z"),
            "ip_address": "127.0.0.1",
            "user_agent": user_agent,
            "device": name,
        }
        for session, user_agent, name in [
            (newest, FIREFOX, "Firefox on Linux"),
            (oldest, "", "Unknown device"),
        ]
    ]
    assert phone.get(URL).json()[1]["current"]


def test_a_member_sees_no_sessions_of_others(member):
    other = User.objects.create_user("other@example.com", "testpassword123")
    now = timezone.now()
    times = {"created_at": now, "last_used_at": now, "expires_at": now + timedelta(days=1)}
    session = Session.objects.create(user=other, **times)

    assert str(session.pk) not in member.get(URL).content.decode()
    answer = member.delete(f"{URL}/{session.pk}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert Session.objects.live().filter(pk=session.pk).exists()


def test_a_member_ends_one_session(sign_in):
    phone, laptop = sign_in(), sign_in()
    (other,) = [session for session in laptop.get(URL).json() if not session["current"]]
    address = f"{URL}/{other['id']}"

    answer = laptop.delete(address)

    assert (answer.status_code, answer.content) == (204, b"")
    assert phone.get(ME).status_code == 401
    assert laptop.get(ME).status_code == 200
    assert laptop.delete(address).status_code == 404


def test_a_member_may_end_the_current_session(member):
    own = member.get(URL).json()[0]["id"]

    assert member.delete(f"{URL}/{own.upper()}/").status_code == 204
    assert member.get(ME).status_code == 401


@pytest.mark.parametrize(
    "key", ["3a7d9582-3d61-4de8-aa4c-ad442578d9c7", "-" * 36, "1", "x", "9" * 400, "me"]
)
def test_a_session_that_is_not_there_is_not_found(member, key):
    answer = member.delete(f"{URL}/{key}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("method", ["get", "delete"])
def test_a_stranger_is_refused(client, member, method):
    address = URL if method == "get" else f"{URL}/{Session.objects.get().pk}"

    assert getattr(client, method)(address).status_code == 401
    assert Session.objects.live().count() == 1


def test_the_user_agent_is_cut_and_cleaned(sign_in):
    sign_in(**{"User-Agent": "a\0b\r\nc\x7f" + "x" * 600})

    assert Session.objects.get().user_agent == "abc" + "x" * 509
