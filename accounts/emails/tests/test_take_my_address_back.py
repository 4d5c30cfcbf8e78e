"""Whoever had the address takes the account back, whatever a thief did meanwhile."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.clients.client import Client
from accounts.emails import flows
from accounts.errors import LinkNotValid
from accounts.events.models import Event
from accounts.mails.models import Link
from accounts.passwords.tests.test_reset_the_password import assert_refused
from accounts.sessions.models import Session
from accounts.users.models import User

UNDO = "/api/v1/auth/undo-email-change"
SIGNIN = "/api/v1/auth/signin"
SIGNUP = "/api/v1/auth/signup"
ME = "/api/v1/users/me"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("proven")]


def test_the_old_address_takes_the_account_back(client, member, user, change, mailed):
    change("thief@example.com")
    undo = mailed("test@example.com")

    answer = client.post(UNDO, {"token": undo})

    assert answer.status_code == 200
    owner = User.objects.get()
    assert (owner.email, owner.email_verified) == ("test@example.com", True)
    assert member.get(ME).status_code == 401
    assert not Session.objects.live().exists()
    for email in ("test@example.com", "thief@example.com"):
        credentials = {"email": email, "password": "testpassword123"}
        assert client.post(SIGNIN, credentials).status_code == 401
    body = {"token": mailed("test@example.com"), "password": "theownerspassword1"}
    assert client.post("/api/v1/auth/reset-password", body).status_code == 200
    assert_refused(client.post(UNDO, {"token": undo}))
    assert Event.objects.filter(name="email_change_undone").count() == 1


def test_a_thief_cannot_end_that_by_changing_it_again_or_by_a_new_password(
    client, member, change, mailed
):
    change("thief@example.com")
    undo = mailed("test@example.com")
    change("thief2@example.com")
    thiefs_undo = mailed("thief@example.com")
    body = {"current_password": "testpassword123", "new_password": "thiefspassword1"}
    assert member.post(f"{ME}/change-password", body).status_code == 200

    assert client.post(UNDO, {"token": undo}).status_code == 200

    assert User.objects.get().email == "test@example.com"
    assert_refused(client.post(UNDO, {"token": thiefs_undo}))


def test_the_first_address_wins_also_after_a_later_one_was_brought_back(client, change, mailed):
    change("thief@example.com")
    undo = mailed("test@example.com")
    change("thief2@example.com")
    assert client.post(UNDO, {"token": mailed("thief@example.com")}).status_code == 200

    assert client.post(UNDO, {"token": undo}).status_code == 200
    assert User.objects.get().email == "test@example.com"


def test_nobody_else_gets_the_old_address_for_a_week(client, member, change, mailed):
    change("new@example.com")
    mailed("test@example.com")
    squatter = {"email": "test@example.com", "password": "squatterspassword1"}

    refused = client.post(SIGNUP, squatter)

    assert (refused.status_code, refused.json()["code"]) == (400, "email_taken")
    with time_machine.travel(timezone.now() + timedelta(days=7, minutes=1)):
        assert client.post(SIGNUP, squatter).status_code == 201


@pytest.mark.parametrize(("days", "status"), [(6.9, 200), (7.1, 400)])
def test_a_change_is_undone_within_a_week(client, change, mailed, days, status):
    change("new@example.com")
    undo = mailed("test@example.com")

    with time_machine.travel(timezone.now() + timedelta(days=days)):
        assert client.post(UNDO, {"token": undo}).status_code == status


def test_the_owner_may_come_back_to_the_old_address(client, change, mailed):
    change("new@example.com")
    mailed("test@example.com")

    assert change("test@example.com").status_code == 200


def test_an_address_that_nobody_proved_is_owed_nothing(client, change, deliver):
    """It may be a stranger's, who would take the account with the link: one letter is enough."""
    User.objects.update(email_verified_at=None)

    assert change("new@example.com").status_code == 200

    assert {m.to[0] for m in deliver()} == {"new@example.com"}
    assert not Link.objects.exists()
    stranger = {"email": "test@example.com", "password": "strangerspassword1"}
    assert client.post(SIGNUP, stranger).status_code == 201


@pytest.mark.postgresql
def test_of_16_parallel_undoings_one_succeeds(race, client, change, mailed):
    change("new@example.com")
    undo = mailed("test@example.com")

    def use():
        try:
            flows.undo_change(undo, Client())
        except LinkNotValid:
            return None
        return "done"

    assert [won for won in race(*[use] * 16) if won] == ["done"]
