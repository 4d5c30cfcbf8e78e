"""What an operator does on the command line."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.clients.client import Client
from accounts.management.commands import purge
from accounts.sessions import flows
from accounts.sessions.models import Session
from accounts.users.models import User

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


@pytest.fixture
def add_session(user):
    def add_session(**times) -> Session:
        now = timezone.now()
        defaults = {
            "created_at": now - timedelta(days=120),
            "last_used_at": now,
            "expires_at": now + timedelta(days=1),
        }
        return Session.objects.create(user=user, **{**defaults, **times})

    return add_session


def test_sessions_are_purged_90_days_after_they_ended(add_session):
    now = timezone.now()
    just, not_yet = timedelta(days=90, minutes=1), timedelta(days=90, minutes=-1)
    add_session(expires_at=now - just)
    add_session(revoked_at=now - just)
    kept = [
        add_session(),
        add_session(expires_at=now - not_yet),
        add_session(revoked_at=now - not_yet),
        add_session(revoked_at=now - not_yet, expires_at=now - not_yet),
    ]

    assert "2 sessions purged.\n" in run("purge")
    assert set(Session.objects.all()) == set(kept)
    assert "0 sessions purged.\n" in run("purge")


def test_the_retention_is_a_setting(add_session, settings):
    settings.SESSION_RETENTION_DAYS = 1
    add_session(revoked_at=timezone.now() - timedelta(days=2))

    assert "1 sessions purged.\n" in run("purge")


def test_purging_goes_in_batches(add_session, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(purge, "BATCH", 2)
    for _ in range(5):
        add_session(revoked_at=timezone.now() - timedelta(days=100))

    with django_assert_num_queries(4 + 3 + 4):  # Four looks, three batches; nothing else to purge.
        assert "5 sessions purged.\n" in run("purge")


def test_one_person_is_signed_out_everywhere(client, sign_in, test_user_data):
    member, _ = sign_in(), sign_in()
    other = User.objects.create_user("other@example.com", "testpassword123")
    flows.start(other, Client())

    assert run("end_sessions", "--user", " TEST@example.com") == "2 sessions ended.\n"

    assert member.get("/api/v1/users/me").status_code == 401
    assert other.sessions.live().count() == 1
    assert client.post("/api/v1/auth/signin", test_user_data).status_code == 200


def test_everybody_is_signed_out(sign_in, add_session, monkeypatch):
    monkeypatch.setattr(flows, "BATCH", 2)
    member, *_ = sign_in(), sign_in(), sign_in(), sign_in()
    ended = add_session(revoked_at=timezone.now() - timedelta(days=1))

    assert run("end_sessions", "--all") == "4 sessions ended.\n"

    assert member.get("/api/v1/users/me").status_code == 401
    assert not Session.objects.live().exists()
    assert Session.objects.get(pk=ended.pk).revoked_at == ended.revoked_at


@pytest.mark.parametrize(
    ("arguments", "still_in"),
    [(["--all"], [False, False]), (["--user", "staff@example.com"], [True, False])],
)
def test_the_cookies_of_the_admin_end_too(superuser, staff, arguments, still_in):
    browsers = [superuser, staff("view")]

    run("end_sessions", *arguments)

    assert [browser.get("/admin/").status_code == 200 for browser in browsers] == still_in


@pytest.mark.parametrize(
    "arguments", [[], ["--user", "nobody@example.com"], ["--all", "--user", "test@example.com"]]
)
def test_who_is_meant_must_be_said(member, arguments):
    with pytest.raises(CommandError):
        run("end_sessions", *arguments)
    assert Session.objects.live().count() == 1
