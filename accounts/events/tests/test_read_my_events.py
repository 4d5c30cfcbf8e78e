import pytest

from accounts.actors.actor import Actor
from accounts.events.models import Event, EventName
from accounts.users.models import User

URL = "/api/v1/users/me/events"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
pytestmark = pytest.mark.django_db


def test_a_member_sees_what_happened_newest_first(client, sign_in, user):
    client.post("/api/v1/auth/signin", {"email": user.email, "password": "wrong"})
    member = sign_in(**{"User-Agent": FIREFOX})
    signed_in = Event.objects.get(name="signin_succeeded")

    answer = member.get(URL)

    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"items", "total", "limit", "offset"}
    assert (body["total"], body["limit"], body["offset"]) == (2, 20, 0)
    assert [item["name"] for item in body["items"]] == ["signin_succeeded", "signin_failed"]
    assert body["items"][0] == {
        "id": signed_in.pk,
        "name": "signin_succeeded",
        "created_at": signed_in.created_at.isoformat().replace("+00:00", "Z"),
        "session_id": str(signed_in.session_id),
        "ip_address": "127.0.0.1",
        "user_agent": FIREFOX,
        "device": "Firefox on Linux",
        "details": {},
    }
    assert answer.headers["Cache-Control"] == "no-store"


def test_why_a_sign_in_failed_is_for_staff_only(client, sign_in, user):
    client.post("/api/v1/auth/signin", {"email": user.email, "password": "wrong"})

    failed = sign_in().get(URL).json()["items"][1]
    assert (failed["name"], failed["details"]) == ("signin_failed", {})


def test_from_where_staff_acted_is_not_told(member, user):
    staff = Actor("192.0.2.99", "Secret browser", "", by="staff", staff_id=987654321)
    Event.objects.record(EventName.PROFILE_CHANGED, staff, user.pk, fields=["full_name"])

    answer = member.get(URL)

    changed = answer.json()["items"][0]
    assert changed["details"] == {"fields": ["full_name"], "by": "staff"}
    assert (changed["ip_address"], changed["user_agent"]) == (None, "")
    assert "987654321" not in answer.content.decode()


def test_a_member_sees_no_events_of_others(member, client):
    other = User.objects.create_user("other@example.com", "testpassword123")
    Event.objects.record(EventName.SIGNOUT, Actor("192.0.2.66"), other.pk)
    Event.objects.record(EventName.SIGNIN_FAILED, Actor("192.0.2.66"))

    answer = member.get(URL)

    assert answer.json()["total"] == 1
    assert "192.0.2.66" not in answer.content.decode()
    assert client.get(URL).status_code == 401


def test_events_are_paginated(member, user):
    for number in range(30):
        Event.objects.record(EventName.PROFILE_CHANGED, Actor(), user.pk, number=number)

    def numbers(query):
        body = member.get(f"{URL}{query}").json()
        assert body["total"] == 31
        return [item["details"].get("number") for item in body["items"]]

    assert numbers("") == list(range(29, 9, -1))
    assert numbers("?limit=2&offset=3") == [26, 25]
    assert numbers("?offset=29") == [0, None]
    assert numbers("?offset=31") == []
    assert len(numbers("?limit=100")) == 31


@pytest.mark.parametrize(
    ("query", "attr", "code"),
    [
        ("limit=0", "limit", "min_value"),
        ("limit=101", "limit", "max_value"),
        ("limit=many", "limit", "invalid"),
        ("offset=-1", "offset", "min_value"),
        ("offset=" + "9" * 30, "offset", "max_value"),
        ("offset=" + "9" * 3000, "offset", "max_string_length"),
        ("offset=1.5", "offset", "invalid"),
    ],
)
def test_an_impossible_page_is_400(member, query, attr, code):
    answer = member.get(f"{URL}?{query}")

    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["attr"], error["code"]) == (attr, code)
