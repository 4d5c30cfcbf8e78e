"""A stolen access token of staff can do less than one of other people."""

from threading import Event as Signal
from time import sleep

import pytest
from django.db import transaction

from accounts.actors.actor import Actor
from accounts.email_addresses import flows as email_addresses
from accounts.errors import (
    ReauthenticationRequired,
    StaffCannotBeDeleted,
)
from accounts.events.models import Event
from accounts.me import flows as me
from accounts.outbox.models import Link
from accounts.sessions.models import Session
from accounts.users.models import User

ME = "/api/v1/users/me"
SIGNIN = "/api/v1/auth/signin"
RIGHT, WRONG = "testpassword123", "wrongpassword123"
HOME, THIEF = "127.0.0.1", "198.51.100.1"
PRIVILEGES = [{"is_staff": True}, {"is_superuser": True}]
pytestmark = pytest.mark.django_db


def sign_in(client, password: str = RIGHT, peer: str = HOME) -> int:
    body = {"email": "test@example.com", "password": password}
    return client.post(SIGNIN, body, REMOTE_ADDR=peer).status_code


@pytest.mark.parametrize("privileges", PRIVILEGES)
@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("patch", ME, {"password": "newpassword123"}, 200),
        ("post", f"{ME}/change-email", {"new_email": "thief@example.com"}, 202),
    ],
)
def test_staff_need_their_password_right_after_the_sign_in(
    member, user, privileges, method, path, body, status
):
    User.objects.update(**privileges)

    def send(**more):
        return getattr(member, method)(path, {**body, **more})

    for nothing in ({}, {"current_password": None}):
        refused = send(**nothing)
        assert (refused.status_code, refused.json()["code"]) == (403, "reauthentication_required")
    assert User.objects.get().password == user.password
    assert not Link.objects.exists()
    assert send(current_password=WRONG).status_code == 400
    assert User.objects.get().password == user.password
    assert send(current_password=RIGHT).status_code == status


@pytest.mark.parametrize("privileges", PRIVILEGES)
@pytest.mark.parametrize("body", [{}, {"current_password": RIGHT}, {"current_password": WRONG}])
def test_staff_cannot_be_deleted_by_the_api(member, user, privileges, body, deliver):
    User.objects.update(**privileges)

    refused = member.delete(ME, body)

    assert (refused.status_code, refused.json()["code"]) == (403, "staff_cannot_be_deleted")
    assert User.objects.get().password == user.password
    assert member.get(ME).status_code == 200
    assert not Event.objects.filter(name="account_deleted").exists()
    assert deliver() == []


@pytest.mark.postgresql
@pytest.mark.parametrize("privileges", PRIVILEGES)
@pytest.mark.parametrize(
    ("act", "error"),
    [
        (lambda session: me.delete(session, Actor()), StaffCannotBeDeleted),
        (
            lambda session: me.update(session, Actor(), password="newpassword123"),
            ReauthenticationRequired,
        ),
        (
            lambda session: email_addresses.request_change(session, Actor(), "thief@example.com"),
            ReauthenticationRequired,
        ),
    ],
    ids=["delete", "password", "address"],
)
def test_a_person_promoted_during_the_request_is_treated_as_staff(
    race, member, user, privileges, act, error
):
    session = Session.objects.select_related("user").get()
    is_locked = Signal()

    def promote():
        with transaction.atomic():
            User.objects.select_for_update().get(pk=user.pk)
            is_locked.set()
            sleep(0.3)  # The act waits for the row meanwhile, with what it read before.
            User.objects.filter(pk=user.pk).update(**privileges)

    def try_it():
        is_locked.wait(5)
        with pytest.raises(error):
            act(session)

    race(promote, try_it)

    assert User.objects.get().password == user.password
    assert session.is_still_live()
    assert not Link.objects.exists()


@pytest.mark.postgresql
def test_a_promotion_beside_a_deletion_leaves_staff_or_no_account(race, client, test_user_data):
    def delete():
        try:
            me.delete(session, Actor())
        except StaffCannotBeDeleted:
            return "refused"
        return "deleted"

    def promote():
        with transaction.atomic():
            locked = User.objects.select_for_update().filter(pk=session.user_id)
            return len(locked) and locked.update(is_staff=True)

    for _ in range(20):
        User.objects.all().delete()
        User.objects.create_user(**test_user_data)
        assert sign_in(client) == 200
        session = Session.objects.select_related("user").get()

        outcome = race(delete, promote)

        assert outcome in (["refused", 1], ["deleted", 0])
        assert User.objects.filter(is_staff=True).count() == outcome[1] == User.objects.count()
