"""The owner of the old email address can take the account back after any act of a thief."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.actors.actor import Actor
from accounts.email_addresses import flows
from accounts.errors import LinkNotValid
from accounts.events.models import Event
from accounts.links.models import Link
from accounts.passwords.tests.test_reset_the_password import assert_refused
from accounts.sessions.models import Session
from accounts.users.models import User

UNDO = "/api/v1/auth/undo-email-change"
SIGNIN = "/api/v1/auth/signin"
SIGNUP = "/api/v1/auth/signup"
FORGOT = "/api/v1/auth/forgot-password"
RESET = "/api/v1/auth/reset-password"
ME = "/api/v1/users/me"
CHANGE = f"{ME}/change-email"
CONFIRM = "/api/v1/auth/confirm-email-change"
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
    assert client.post(RESET, body).status_code == 200
    assert_refused(client.post(UNDO, {"token": undo}))
    assert Event.objects.filter(name="email_change_undone").count() == 1


def test_the_undo_link_survives_further_changes(client, member, change, mailed):
    change("thief@example.com")
    undo = mailed("test@example.com")
    change("thief2@example.com")
    body = {"current_password": "testpassword123", "new_password": "thiefspassword1"}
    assert member.post(f"{ME}/change-password", body).status_code == 200

    assert client.post(UNDO, {"token": undo}).status_code == 200

    assert User.objects.get().email == "test@example.com"


def test_a_link_to_undo_goes_only_to_an_address_verified_for_longer_than_it_lives(
    client, change, deliver
):
    """A thief who goes on to a second address of theirs gets no way back."""
    change("thief@example.com")

    change("thief2@example.com")

    told = [m for m in deliver() if m.to == ["thief@example.com"]]
    assert [m.subject for m in told][-1] == "Your email address was changed"
    assert "#token=" not in told[-1].body
    assert list(Link.objects.values_list("email", flat=True)) == ["test@example.com"]
    signup = {"email": "thief@example.com", "password": "someoneelses123"}
    assert client.post(SIGNUP, signup).status_code == 201


def test_the_thief_cannot_return_after_the_owner_recovered(client, sign_in, mailed, deliver):
    """Changing back without the link counts as undoing, and ends every session."""
    thief = sign_in()
    thief.post(CHANGE, {"new_email": "thief@example.com"})
    thief.post(CONFIRM, {"token": mailed("thief@example.com")})
    owner = type(client)()
    moved = {"email": "thief@example.com", "password": "testpassword123"}
    owner.credentials(
        HTTP_AUTHORIZATION=f"Bearer {client.post(SIGNIN, moved).json()['access_token']}"
    )
    owner.post(CHANGE, {"new_email": "test@example.com"})

    answer = owner.post(CONFIRM, {"token": mailed("test@example.com")})

    assert (answer.status_code, answer.json()["message"]) == (
        200,
        "Email restored. Set a new password with the link that we sent you.",
    )
    assert User.objects.get().email == "test@example.com"
    for one in (thief, owner):
        assert one.get(ME).status_code == 401
    assert set(Link.objects.values_list("purpose", "email")) == {
        ("reset-password", "test@example.com")
    }
    assert "#token=" not in [m.body for m in deliver() if m.to == ["thief@example.com"]][-1]
    body = {"token": mailed("test@example.com"), "password": "theownerspassword1"}
    assert client.post(RESET, body).status_code == 200


def test_a_new_password_by_the_older_mailbox_takes_the_account_back(client, change, mailed):
    change("thief@example.com")
    mailed("test@example.com")
    client.post(FORGOT, {"email": "test@example.com"})
    link = mailed("test@example.com")

    answer = client.post(RESET, {"token": link, "password": "theownerspassword1"})

    assert answer.status_code == 200
    owner = User.objects.get()
    assert (owner.email, owner.full_name) == ("test@example.com", "Test User")
    assert not Session.objects.live().exists()
    assert not Link.objects.exists()
    mine = {"email": "test@example.com", "password": "theownerspassword1"}
    assert client.post(SIGNIN, mine).status_code == 200
    assert Event.objects.filter(name="email_change_undone").count() == 1


def test_the_older_mailbox_sets_no_password_once_nothing_can_be_undone(client, change, mailed):
    change("new@example.com")
    mailed("test@example.com")
    with time_machine.travel(timezone.now() + timedelta(days=6, hours=23, minutes=30)):
        client.post(FORGOT, {"email": "test@example.com"})
        link = mailed("test@example.com")
    before = User.objects.values().get()

    with time_machine.travel(timezone.now() + timedelta(days=7, minutes=10)):
        assert_refused(client.post(RESET, {"token": link, "password": "theownerspassword1"}))
        sent = Link.objects.count()
        client.post(FORGOT, {"email": "test@example.com"})
        assert Link.objects.count() == sent
    assert User.objects.values().get() == before


def test_an_address_that_came_back_can_be_taken_back_again(client, sign_in, mailed, change):
    """It was verified long enough before; a returning thief must not find it new."""
    change("thief@example.com")
    client.post(UNDO, {"token": mailed("test@example.com")})
    body = {"token": mailed("test@example.com"), "password": "testpassword123"}
    assert client.post(RESET, body).status_code == 200
    thief = sign_in()
    thief.post(CHANGE, {"new_email": "thief3@example.com"})

    assert thief.post(CONFIRM, {"token": mailed("thief3@example.com")}).status_code == 200

    assert client.post(UNDO, {"token": mailed("test@example.com")}).status_code == 200
    assert User.objects.get().email == "test@example.com"


def test_the_first_email_address_wins_even_after_a_later_one_was_restored(client, change, mailed):
    change("second@example.com")
    undo = mailed("test@example.com")
    User.objects.update(email_verified_at=timezone.now() - timedelta(days=8))
    change("third@example.com")
    assert client.post(UNDO, {"token": mailed("second@example.com")}).status_code == 200

    assert client.post(UNDO, {"token": undo}).status_code == 200
    assert User.objects.get().email == "test@example.com"


def test_the_old_email_address_is_reserved_for_a_week(client, member, change, mailed):
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


def test_an_unverified_old_email_address_gets_nothing(client, change, deliver):
    """A mistyped one may be a stranger's, and the link would give them the account."""
    User.objects.update(email_verified_at=None)

    assert change("new@example.com").status_code == 200

    assert {m.to[0] for m in deliver()} == {"new@example.com"}
    assert not Link.objects.exists()
    stranger = {"email": "test@example.com", "password": "strangerspassword1"}
    assert client.post(SIGNUP, stranger).status_code == 201


@pytest.mark.postgresql
def test_one_of_16_parallel_undo_requests_succeeds(race, client, change, mailed):
    change("new@example.com")
    undo = mailed("test@example.com")

    def use():
        try:
            flows.undo_change(undo, Actor())
        except LinkNotValid:
            return None
        return "done"

    assert [won for won in race(*[use] * 16) if won] == ["done"]


@pytest.mark.postgresql
def test_a_new_password_and_an_undoing_at_once_leave_the_account_to_its_owner(
    race, client, change, mailed
):
    change("thief@example.com")
    undo = mailed("test@example.com")
    client.post(FORGOT, {"email": "test@example.com"})
    link = mailed("test@example.com")
    body = {"token": link, "password": "theownerspassword1"}

    answers = race(
        lambda: client.post(UNDO, {"token": undo}).status_code,
        lambda: client.post(RESET, body).status_code,
    )

    assert sorted(answers) == [200, 400]
    assert User.objects.get().email == "test@example.com"
    assert not Session.objects.live().exists()
    assert not Link.objects.filter(purpose="undo-email-change").exists()
