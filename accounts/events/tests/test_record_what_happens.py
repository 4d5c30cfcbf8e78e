"""Each action records an event: the person, the origin, and nothing secret."""

import re
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.urls import reverse

from accounts.events.models import REASONS, Event, EventName
from accounts.sessions.models import Session
from accounts.users.models import User

ROOT = Path(__file__).parent.parent.parent.parent
DOCUMENTED = (ROOT / "docs/events.md").read_text()
V1 = "/api/v1"
SIGNIN = f"{V1}/auth/signin"
ME = f"{V1}/users/me"
PASSWORD = "testpassword123"
pytestmark = pytest.mark.django_db


def last(name: str) -> Event:
    return Event.objects.filter(name=name).latest("id")


def names() -> list[str]:
    return list(Event.objects.order_by("id").values_list("name", flat=True))


def test_the_documentation_names_every_event():
    assert re.findall(r"^\| `(\w+)` \|", DOCUMENTED, re.MULTILINE) != []
    assert set(re.findall(r"^\| `(\w+)` \|", DOCUMENTED, re.MULTILINE)) == set(EventName.values)


def test_the_documentation_and_the_metrics_name_every_reason():
    row = re.search(r"^\| `signin_failed` .*`reason` .*?: (.*) \|$", DOCUMENTED, re.MULTILINE)[1]
    code = "".join(path.read_text() for path in (ROOT / "accounts").glob("*/flows.py"))
    recorded = " ".join(re.findall(r"\breason ?= ?(.*)", code))

    assert set(re.findall(r"`(\w+)`", row)) == set(REASONS[EventName.SIGNIN_FAILED])
    assert set(re.findall(r'"(\w+)"', recorded)) == set(REASONS[EventName.SIGNIN_FAILED])


def test_an_event_names_the_person_and_the_origin(client, user):
    headers = {"User-Agent": "curl/8\x00\n", "X-Request-ID": "request-0123456789"}
    client.post(SIGNIN, {"email": user.email, "password": PASSWORD}, headers=headers)

    event = Event.objects.get()
    assert event.name == "signin_succeeded"
    assert (event.user_id, event.session_id) == (user.pk, Session.objects.get().pk)
    assert (event.ip_address, event.user_agent) == ("127.0.0.1", "curl/8")
    assert event.request_id == "request-0123456789"
    assert (event.staff_id, event.details) == (None, {})


def test_a_sign_up(client, test_user_data):
    client.post(f"{V1}/auth/signup", test_user_data)

    assert last("signup_succeeded").user == User.objects.get()


@pytest.mark.parametrize(
    ("change", "password", "reason"),
    [
        ({}, "wrong", "wrong_password"),
        ({"email": "other@example.com"}, PASSWORD, "unknown_email"),
        ({"is_active": False}, PASSWORD, "account_inactive"),
        ({"is_active": False}, "wrong", "wrong_password"),
    ],
)
def test_a_failed_sign_in_has_its_reason(client, user, change, password, reason):
    User.objects.update(**change)

    client.post(SIGNIN, {"email": "test@example.com", "password": password})

    event = Event.objects.get()
    assert (event.name, event.details) == ("signin_failed", {"reason": reason})
    assert event.user_id == (None if reason == "unknown_email" else user.pk)


def test_a_flood_behind_a_limit_is_recorded_once(client, user):
    for _ in range(50):
        client.post(SIGNIN, {"email": user.email, "password": "wrong"})

    assert names() == ["signin_failed"] * 5 + ["signin_blocked"]
    event = last("signin_blocked")
    assert event.user == user
    assert event.details == {"limit": "SIGNIN_RATE_ACCOUNT_NETWORK"}


def test_an_unknown_address_leaves_the_same_trail_without_the_address(client, db):
    for _ in range(7):
        client.post(SIGNIN, {"email": "nobody@example.com", "password": "wrong"})

    assert names() == ["signin_failed"] * 5 + ["signin_blocked"]
    for event in Event.objects.values():
        assert event["user_id"] is None
        assert "nobody" not in str(event)


def test_the_limit_of_sign_ups_is_recorded(client, settings):
    settings.SIGNUP_RATE_NETWORK = (1, settings.SIGNUP_RATE_NETWORK[1])
    for person in range(4):
        body = {"email": f"person{person}@example.com", "password": PASSWORD}
        client.post(f"{V1}/auth/signup", body)

    assert names() == ["signup_succeeded", "limit_reached"]
    assert last("limit_reached").details == {"limit": "SIGNUP_RATE_NETWORK"}


def test_a_wrong_current_password_is_recorded(member, user):
    body = {"current_password": "wrong", "new_password": "newpassword123"}
    for _ in range(7):
        member.post(f"{ME}/change-password", body)

    assert names()[1:] == ["reauthentication_failed"] * 5 + ["limit_reached"]
    assert last("limit_reached").user == last("reauthentication_failed").user == user


def test_a_reused_refresh_token_is_recorded(client, member, settings):
    settings.REFRESH_GRACE_SECONDS = 0
    for _ in range(4):
        client.post(f"{V1}/auth/refresh", {"refresh_token": member.tokens["refresh_token"]})

    assert names() == ["signin_succeeded", "refresh_reuse"]
    assert last("refresh_reuse").session_id == Session.objects.get().pk


@pytest.mark.parametrize(("scope", "ended"), [("local", 1), ("others", 2), ("global", 3)])
def test_a_sign_out(sign_in, user, scope, ended):
    sign_in(), sign_in()
    member = sign_in()

    for _ in range(2):
        member.post(f"{V1}/auth/signout", {"scope": scope})

    event = Event.objects.filter(name="signout").earliest("id")
    assert event.details == {"scope": scope, "sessions_ended": ended}
    assert event.user == user


def test_a_session_ended_from_another_device_is_recorded(sign_in, user):
    sign_in()
    other, member = Session.objects.get(), sign_in()

    member.delete(f"{ME}/sessions/{other.pk}")
    member.delete(f"{ME}/sessions/{other.pk}")

    event = Event.objects.get(name="session_ended")
    assert (event.user_id, event.session_id, event.details) == (user.pk, other.pk, {})


def test_the_end_of_the_oldest_session_is_recorded(sign_in, settings):
    settings.SESSIONS_PER_USER = 1
    sign_in()
    oldest = Session.objects.get()
    sign_in()

    event = Event.objects.get(name="session_ended")
    assert (event.session_id, event.details) == (oldest.pk, {"by": "limit"})


def test_a_new_password_is_recorded(sign_in, user):
    sign_in()
    member = sign_in()
    body = {"current_password": PASSWORD, "new_password": "newpassword123"}
    member.post(f"{ME}/change-password", body)
    member.patch(ME, {"password": "anotherpassword123", "full_name": "Ana"})

    first, second = Event.objects.filter(name="password_changed").order_by("id")
    assert (first.details, second.details) == ({"sessions_ended": 1}, {"sessions_ended": 0})
    assert first.user == second.user == user
    assert last("profile_changed").details == {"fields": ["full_name"]}


def test_a_request_that_changes_nothing_is_not_recorded(member):
    before = names()
    member.patch(ME, {})
    member.patch(ME, {"is_staff": True})
    member.patch(ME, {"full_name": "x" * 201})
    member.post(f"{ME}/change-password", {"current_password": PASSWORD, "new_password": "x"})

    assert names() == before


def test_an_account_that_its_owner_deletes_leaves_a_number(member, user, superuser):
    member.delete(ME)

    event = last("account_deleted")
    assert (event.user_id, event.details) == (user.pk, {})
    assert Event.objects.filter(user_id=user.pk).count() == 2
    log = superuser.get(reverse("admin:accounts_event_changelist")).content.decode()
    assert f"{user.pk} (deleted)" in log
    assert "test@example.com" not in log


def test_commands_are_recorded(sign_in, user, monkeypatch):
    sign_in()
    call_command("end_sessions", "--all", stdout=StringIO())
    answers = "accounts.management.commands.changepassword.getpass"
    monkeypatch.setattr(answers, lambda prompt: "anotherpassword123")
    call_command("changepassword", user.email, stdout=StringIO())

    assert last("session_ended").details == {"by": "command"}
    assert last("password_changed").details == {"sessions_ended": 0, "by": "command"}
    assert last("password_changed").user == user


def test_a_committed_event_is_a_line_of_the_log(
    client, user, caplog, django_capture_on_commit_callbacks
):
    caplog.set_level("INFO")
    with django_capture_on_commit_callbacks(execute=True):
        client.post(SIGNIN, {"email": user.email, "password": "wrong"})

    line = f"signin_failed user={user.pk} session=None reason=wrong_password"
    assert line in caplog.messages
    assert user.email not in caplog.text


@pytest.mark.postgresql
def test_a_session_that_two_end_at_once_is_recorded_once(race, sign_in, user):
    for _ in range(20):
        sign_in()
        phone = sign_in()
        other = Session.objects.live().earliest("created_at")
        results = race(*[lambda: phone.delete(f"{ME}/sessions/{other.pk}").status_code] * 4)
        assert sorted(results) == [204, 404, 404, 404]
        Session.objects.all().delete()

    assert Event.objects.filter(name="session_ended").count() == 20


@pytest.mark.postgresql
def test_one_of_many_simultaneous_refusals_is_recorded(race, client, user):
    body = {"email": user.email, "password": "wrong"}
    race(*[lambda: [client.post(SIGNIN, body).status_code for _ in range(5)]] * 10)

    assert Event.objects.filter(name="signin_blocked").count() == 1
    assert Event.objects.filter(name="signin_failed").count() == 5
