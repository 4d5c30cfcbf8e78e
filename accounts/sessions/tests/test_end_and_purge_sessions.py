"""Operators end and purge sessions on the command line."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.forms import model_to_dict
from django.utils import timezone
from prometheus_client import REGISTRY

from accounts.actors.actor import COMMAND, Actor
from accounts.events.models import Event, EventName
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
    flows.start(other, Actor())

    assert run("end_sessions", "--user", " TEST@example.com") == "2 sessions ended.\n"

    assert member.get("/api/v1/users/me").status_code == 401
    assert other.sessions.live().count() == 1
    assert client.post("/api/v1/auth/signin", test_user_data).status_code == 200


def test_end_sessions_all_signs_everyone_out(sign_in, add_session, monkeypatch):
    monkeypatch.setattr(flows, "BATCH", 2)
    member, *_ = sign_in(), sign_in(), sign_in(), sign_in()
    ended = add_session(revoked_at=timezone.now() - timedelta(days=1))

    assert run("end_sessions", "--all") == "4 sessions ended.\n"

    assert member.get("/api/v1/users/me").status_code == 401
    assert not Session.objects.live().exists()
    assert Session.objects.get(pk=ended.pk).revoked_at == ended.revoked_at


def counted() -> float:
    labels = {"event": "session_ended", "reason": ""}
    return REGISTRY.get_sample_value("events_total", labels)


@pytest.mark.django_db(transaction=True)
def test_thousands_of_sessions_end_in_one_line_of_the_log(user, add_session, caplog):
    caplog.set_level("INFO")
    number = 2 * flows.BATCH + 1
    session = add_session()
    fields = model_to_dict(session) | {"user": user, "created_at": session.created_at}
    Session.objects.bulk_create(Session(**fields) for _ in range(number - 1))
    before = counted()

    assert run("end_sessions", "--all") == f"{number} sessions ended.\n"

    (line,) = [record for record in caplog.records if getattr(record, "event", "")]
    assert (line.event, line.user_id, line.session_id) == ("session_ended", None, None)
    assert line.details == {"by": "command", "sessions_ended": number}
    assert counted() - before == number
    events = Event.objects.filter(name=EventName.SESSION_ENDED, user=user)
    assert events.values("session_id").distinct().count() == events.count() == number


def test_sessions_ended_before_the_database_failed_are_reported(add_session, caplog, monkeypatch):
    caplog.set_level("INFO")
    monkeypatch.setattr(flows, "BATCH", 2)
    for _ in range(5):
        add_session()
    updates = iter(range(10))

    def fail_at_the_second_batch(execute, sql, *arguments):
        if sql.startswith("UPDATE") and next(updates) == 1:
            raise OperationalError("The server closed the connection.")
        return execute(sql, *arguments)

    with connection.execute_wrapper(fail_at_the_second_batch), pytest.raises(OperationalError):
        flows.end_all(Session.objects.all(), COMMAND)

    assert [record.details["sessions_ended"] for record in caplog.records] == [2]
    assert Session.objects.live().count() == 3


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
def test_the_command_needs_exactly_one_target(member, arguments):
    with pytest.raises(CommandError):
        run("end_sessions", *arguments)
    assert Session.objects.live().count() == 1
