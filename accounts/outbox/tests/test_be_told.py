"""People get mail about changes of their account, in their language."""

from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.auth.flows import has_failures
from accounts.events.models import Event, EventName
from accounts.links.models import Link
from accounts.sessions.models import Session
from accounts.users.models import User

SIGNIN = "/api/v1/auth/signin"
ME = "/api/v1/users/me"
pytestmark = pytest.mark.django_db


def subjects(messages) -> list[str]:
    assert {message.to[0] for message in messages} <= {"test@example.com"}
    return [message.subject for message in messages]


def test_a_person_is_told_of_a_new_password(member, deliver):
    body = {"current_password": "testpassword123", "new_password": "newpassword123"}
    member.post(f"{ME}/change-password", body)

    assert subjects(deliver()) == ["Your password was changed"]


def test_a_person_is_told_of_a_reused_refresh_token(client, member, deliver, settings):
    settings.REFRESH_GRACE_SECONDS = 0
    for _ in range(4):
        body = {"refresh_token": member.tokens["refresh_token"]}
        client.post("/api/v1/auth/refresh", body)

    assert subjects(deliver()) == ["A device was signed out for your safety"]


def test_a_person_is_told_that_the_account_was_deleted(member, deliver):
    member.delete(ME)

    assert subjects(deliver()) == ["Your account was deleted"]
    assert not User.objects.exists()


def fail(client, times: int) -> None:
    for number in range(times):
        body = {"email": "test@example.com", "password": "wrong"}
        client.post(SIGNIN, body, REMOTE_ADDR=f"198.51.100.{number}")


def sign_in(client, peer: str):
    body = {"email": "test@example.com", "password": "testpassword123"}
    return client.post(SIGNIN, body, REMOTE_ADDR=peer, headers={"User-Agent": "curl/8"})


def test_a_person_is_told_of_a_sign_in_from_a_new_network_after_5_failures(client, user, deliver):
    fail(client, 5)
    assert sign_in(client, "192.0.2.7").status_code == 200
    assert sign_in(client, "192.0.2.7").status_code == 200

    messages = deliver()
    assert subjects(messages) == ["New sign-in after failed attempts"]
    assert "192.0.2.7, curl" in messages[0].body


def test_no_sign_in_is_told_after_4_failures_or_from_a_known_network(client, user, deliver):
    sign_in(client, "192.0.2.7")
    fail(client, 4)
    sign_in(client, "192.0.2.8")
    fail(client, 1)
    sign_in(client, "192.0.2.7")

    assert deliver() == []


def test_no_notice_counts_failures_with_the_right_password(client, user, deliver, settings):
    settings.EMAIL_VERIFICATION = "required"
    for number in range(6):
        assert sign_in(client, f"198.51.100.{number}").status_code == 403
    User.objects.update(email_verified_at=timezone.now())

    assert sign_in(client, "192.0.2.7").status_code == 200

    assert deliver() == []


def test_the_failures_of_a_person_are_found_by_an_index(user):
    many = (
        Event(name=EventName.SIGNIN_FAILED, user_id=user.pk + n, details={}) for n in range(1000)
    )
    Event.objects.bulk_create(many)
    with CaptureQueriesContext(connection) as queries:
        assert not has_failures(user)

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE events")
        explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
        cursor.execute(f"{explain} {queries[0]['sql']}")
        assert "events_user" in str(cursor.fetchall())


@pytest.mark.parametrize(("is_proven", "told"), [(False, 5), (True, 8)])
def test_every_change_is_told_unless_the_email_address_may_be_a_strangers(
    member, deliver, is_proven, told
):
    """A sign-up with a victim's email address cannot flood the mailbox with notices."""
    User.objects.update(email_verified_at=timezone.now() if is_proven else None)
    passwords = ["testpassword123", *(f"newpassword{number}" for number in range(8))]

    for current, new in pairwise(passwords):
        body = {"current_password": current, "new_password": new}
        assert member.post(f"{ME}/change-password", body).status_code == 200

    assert subjects(deliver()) == ["Your password was changed"] * told
    reached = Event.objects.filter(name=EventName.LIMIT_REACHED)
    assert [event.details for event in reached] == [{"limit": "MAIL_RATE_ACCOUNT"}] * (told == 5)
    assert {event.user_id for event in reached} <= {User.objects.get().pk}


def test_mail_is_in_the_language_of_the_request(client, user, deliver):
    headers = {"Accept-Language": "es-AR,es;q=0.9,en;q=0.5"}
    client.post("/api/v1/auth/forgot-password", {"email": user.email}, headers=headers)

    (message,) = deliver()
    assert message.subject == "Elige una contraseña nueva"
    assert 'lang="es"' in str(message.alternatives[0][0])


def test_no_notice_is_sent_for_a_refused_request(client, member, deliver):
    body = {"current_password": "wrong", "new_password": "newpassword123"}
    member.post(f"{ME}/change-password", body)
    member.delete(ME, {"current_password": "wrong"})
    client.post("/api/v1/auth/refresh", {"refresh_token": member.tokens["refresh_token"] + "x"})

    assert deliver() == []
    assert Session.objects.live().exists()
    assert not Link.objects.exists()
