"""Thousands of users for load tests."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.utils import timezone

from accounts.events.models import Event
from accounts.sessions.flows import issue
from accounts.sessions.models import Session
from accounts.users.models import User
from bench import seed as seeding

pytestmark = pytest.mark.django_db


@pytest.fixture
def seed(capsys):
    """Seed as from the command line, and return what is printed."""

    def seed(*arguments: str) -> str:
        seeding.main(list(arguments))
        return capsys.readouterr().out

    return seed


def numbers() -> list[int]:
    emails = User.objects.order_by("pk").values_list("email", flat=True)
    return [int(email.removeprefix("load-").removesuffix("@example.com")) for email in emails]


def test_users_have_one_password_which_is_printed(seed, client, monkeypatch):
    monkeypatch.setattr(seeding, "BATCH", 2)

    said = seed("--users", "5")

    told, password = said.strip().split(" Their password: ")
    assert told == "5 users made, load-1@example.com to load-5@example.com."
    assert numbers() == [1, 2, 3, 4, 5]
    assert User.objects.values("password").distinct().count() == 1
    credentials = {"email": "load-5@example.com", "password": password}
    user = client.post("/api/v1/auth/signin", credentials).json()["user"]
    assert (user["full_name"], user["is_active"], user["email_verified"]) == ("Load 5", True, True)


def test_a_second_run_goes_on_after_the_first(seed):
    User.objects.create_user("load-ana@example.com")
    seed("--users", "2")
    seed("--users", "1", "--password", "correct horse battery staple")
    User.objects.filter(email="load-ana@example.com").delete()

    assert numbers() == [1, 2, 3]
    assert User.objects.get(email="load-3@example.com").check_password(
        "correct horse battery staple"
    )
    assert not User.objects.get(email="load-2@example.com").check_password(
        "correct horse battery staple"
    )


def test_each_user_has_sessions_and_events(seed, client):
    seed("--users", "3", "--sessions", "2")

    for user in User.objects.all():
        sessions = user.sessions.live()
        assert sessions.count() == 2
        events = list(user.events.order_by("id").values_list("name", "session_id"))
        assert events[0] == ("signup_succeeded", None)
        assert set(events[1:]) == {("signin_succeeded", session.pk) for session in sessions}
    token = issue(Session.objects.first()).access_token
    answer = client.get("/api/v1/users/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert all(session.network == session.ip_address for session in Session.objects.all())


def test_seeded_users_signed_up_over_four_weeks(seed, monkeypatch):
    monkeypatch.setattr(seeding, "BATCH", 3)
    before = timezone.now()
    seed("--users", "8", "--sessions", "0")

    times = list(User.objects.order_by("pk").values_list("created_at", flat=True))

    assert times == list(Event.objects.order_by("pk").values_list("created_at", flat=True))
    gaps = {later - earlier for earlier, later in pairwise(times)}
    assert max(gaps) - min(gaps) < timedelta(seconds=1)
    assert abs(before - times[0] - seeding.SPAN).total_seconds() < 60
    assert not Session.objects.exists()


def test_production_refuses_unless_it_is_said(seed, settings):
    settings.IS_PRODUCTION = True

    with pytest.raises(SystemExit, match="refused without --in-production"):
        seed("--users", "1")
    assert not User.objects.exists()

    seed("--users", "1", "--in-production")
    assert numbers() == [1]


@pytest.mark.parametrize("options", ["--users 0", "--users -1", "--users 1 --sessions -1"])
def test_a_negative_number_cannot_be_made(seed, options):
    with pytest.raises(SystemExit, match="Expected"):
        seed(*options.split())
    assert not User.objects.exists()
