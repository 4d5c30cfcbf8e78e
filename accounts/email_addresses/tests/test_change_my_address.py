"""A new email address must be proven before it is the account's."""

from datetime import timedelta
from itertools import starmap

import pytest
import time_machine
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from accounts.actors.actor import Actor
from accounts.auth import flows as auth
from accounts.email_addresses import flows
from accounts.errors import EmailTaken, InvalidToken, PasswordIncorrect
from accounts.events.models import Event
from accounts.links.models import Link, Purpose
from accounts.outbox import flows as outbox
from accounts.outbox.tests.test_ask_for_links import NO_ADDRESSES
from accounts.passwords import flows as passwords
from accounts.passwords.tests.test_reset_the_password import assert_refused, token_in
from accounts.reauthentication.proofs import Proof
from accounts.sessions.models import Session
from accounts.users.models import User

CHANGE = "/api/v1/users/me/change-email"
CONFIRM = "/api/v1/auth/confirm-email-change"
UNDO = "/api/v1/auth/undo-email-change"
SIGNIN = "/api/v1/auth/signin"
ME = "/api/v1/users/me"
PASSWORD = {"current_password": "testpassword123"}
pytestmark = pytest.mark.django_db


def test_an_address_is_changed_when_the_new_one_is_proven(
    client, member, user, proven, mailed, deliver
):
    answer = member.post(CHANGE, {"new_email": " New@Example.com"})
    assert answer.status_code == 202
    assert User.objects.get().email == "test@example.com"

    answer = member.post(CONFIRM, {"token": mailed("new@example.com")})

    assert (answer.status_code, answer.json()) == (200, {"message": "Email changed successfully"})
    me = member.get(ME).json()
    assert (me["email"], me["email_verified"]) == ("new@example.com", True)
    credentials = {"email": "new@example.com", "password": "testpassword123"}
    assert client.post(SIGNIN, credentials).status_code == 200
    assert client.post(SIGNIN, credentials | {"email": user.email}).status_code == 401
    told = [m.to[0] for m in deliver() if m.subject == "Your email address was changed"]
    assert sorted(told) == ["new@example.com", "test@example.com"]
    names = list(Event.objects.filter(name__startswith="email").values_list("name", flat=True))
    assert sorted(names) == ["email_change_requested", "email_changed"]
    assert "example.com" not in str(list(Event.objects.values("details")))


def test_an_old_sign_in_needs_the_current_password(member, old_sign_in, deliver):
    body = {"new_email": "new@example.com"}

    refused = member.post(CHANGE, body)
    assert (refused.status_code, refused.json()["code"]) == (403, "reauthentication_required")
    wrong = member.post(CHANGE, body | {"current_password": "wrong"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "password_incorrect")
    assert deliver() == []
    right = member.post(CHANGE, body | {"current_password": "testpassword123"})
    assert right.status_code == 202


@pytest.mark.parametrize(
    ("email", "code"),
    [
        *(
            (email, "invalid")
            for email in (*NO_ADDRESSES, "a@localhost", 7, "te\u0131t@example.com")
        ),
        *(("", "blank"), (" ", "blank"), (None, "null")),
    ],
)
def test_an_invalid_new_email_address_is_refused(member, email, code):
    answer = member.post(CHANGE, {"new_email": email})

    assert answer.status_code == 400
    assert [(e["attr"], e["code"]) for e in answer.json()["errors"]] == [("new_email", code)]
    assert not Link.objects.exists()


def test_a_taken_email_address_is_told_only_once_it_is_proven(member, user, mailed):
    other = User.objects.create_user("other@example.com", "testpassword123")
    free = member.post(CHANGE, {"new_email": "free@example.com"})
    taken = member.post(CHANGE, {"new_email": other.email})
    assert (taken.status_code, taken.content) == (free.status_code, free.content)

    answer = member.post(CONFIRM, {"token": mailed(other.email)})

    assert (answer.status_code, answer.json()["code"]) == (400, "email_taken")
    assert User.objects.get(pk=user.pk).email == "test@example.com"


def test_a_newer_request_a_new_password_and_time_make_a_link_void(client, member, user, mailed):
    member.post(CHANGE, {"new_email": "first@example.com"})
    first = mailed("first@example.com")
    member.post(CHANGE, {"new_email": "second@example.com"})
    second = mailed("second@example.com")
    assert_refused(client.post(CONFIRM, {"token": first}))

    with time_machine.travel(timezone.now() + timedelta(hours=24, minutes=1)):
        assert_refused(client.post(CONFIRM, {"token": second}))
    passwords.set_by_staff(user, "newpassword123", Actor())
    assert_refused(client.post(CONFIRM, {"token": second}))
    assert User.objects.get().email == "test@example.com"


def test_a_deactivated_account_keeps_its_address(client, member, mailed):
    member.post(CHANGE, {"new_email": "new@example.com"})
    link = mailed("new@example.com")
    User.objects.update(is_active=False)

    assert_refused(client.post(CONFIRM, {"token": link, **PASSWORD}))
    assert User.objects.get().email == "test@example.com"


def test_a_link_of_another_purpose_changes_nothing(client, proven, mailed, change):
    assert change("new@example.com").status_code == 200
    undo = mailed("test@example.com")

    for path in (CONFIRM, "/api/v1/auth/verify-email"):
        assert_refused(client.post(path, {"token": undo}))
    body = {"token": undo, "password": "anotherpassword123"}
    assert_refused(client.post("/api/v1/auth/reset-password", body))
    assert client.post(UNDO, {"token": undo}).status_code == 200


@pytest.fixture
def token(member, mailed):
    """The token mailed to the new email address."""
    member.post(CHANGE, {"new_email": "new@example.com"})
    return mailed("new@example.com")


def test_a_victim_who_follows_the_link_keeps_the_email_address(client, token):
    """A squatter asks for a victim's email address, and the victim follows the link."""
    User.objects.create_user("victim@example.com", "testpassword123")
    alone = client.post(CONFIRM, {"token": token})
    assert (alone.status_code, alone.json()["code"]) == (403, "ownership_required")
    victim = {"email": "victim@example.com", "password": "testpassword123"}
    own = f"Bearer {client.post(SIGNIN, victim).json()['access_token']}"
    for body in ({}, PASSWORD):
        other = client.post(CONFIRM, {"token": token, **body}, headers={"Authorization": own})
        assert (other.status_code, other.json()["code"]) == (401, "token_not_valid")
    assert not User.objects.filter(email="new@example.com").exists()

    assert client.post(CONFIRM, {"token": token, **PASSWORD}).status_code == 200
    assert User.objects.filter(email="new@example.com").exists()


def test_guesses_from_everywhere_are_limited_block_no_sign_in_and_keep_the_link(
    client, member, user, token
):
    body = {"token": token, "current_password": "wrong"}
    answers = [client.post(CONFIRM, body, REMOTE_ADDR=f"192.0.2.{n}") for n in range(6)]

    assert [answer.status_code for answer in answers] == [400] * 5 + [429]
    assert answers[0].json()["code"] == "password_incorrect"
    assert client.post(CONFIRM, {"token": token, **PASSWORD}).status_code == 429
    assert User.objects.get().email == "test@example.com"
    for peer in ("127.0.0.1", "192.0.2.1"):
        credentials = {"email": "test@example.com", "password": "testpassword123"}
        assert client.post(SIGNIN, credentials, REMOTE_ADDR=peer).status_code == 200
    assert member.post(CONFIRM, {"token": token}).status_code == 200


def test_an_account_without_a_password_confirms_with_its_session(member, token):
    User.objects.update(password=make_password(None))

    assert member.post(CONFIRM, {"token": token, **PASSWORD}).status_code == 400
    assert member.post(CONFIRM, {"token": token}).status_code == 200


def test_a_session_that_has_ended_confirms_nothing(member, token):
    session = Session.objects.select_related("user").get()
    Session.objects.all().revoke()

    assert member.post(CONFIRM, {"token": token}).status_code == 401
    with pytest.raises(InvalidToken):
        flows.confirm_change(flows.MailboxProof(token=token, session=session), Actor())
    assert User.objects.get().email == "test@example.com"
    assert Link.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda user: passwords.set_by_staff(user, "ownerspassword1", Actor()),
        lambda user: user.sessions.all().revoke(),
        lambda user: User.objects.filter(pk=user.pk).delete(),
    ],
    ids=["a new password", "signed out", "deleted"],
)
def test_a_request_that_outlived_its_session_changes_no_email_address(
    member, user, change, deliver
):
    session = Session.objects.select_related("user").get()
    change(user)
    sent = len(deliver())

    with pytest.raises(InvalidToken):
        flows.request_change(session, Actor(), "thief@example.com")

    assert not Link.objects.exists()
    assert len(deliver()) == sent


@pytest.mark.postgresql
def test_no_change_that_is_asked_for_beside_a_reset_survives_it(race, user, deliver, settings):
    """Its hash is computed before its transaction, and the reset may come in between."""
    settings.THROTTLING = False
    for number in range(15):
        User.objects.update(password=user.password)
        auth.signin(user.email, "testpassword123", actor=Actor())
        thief = Session.objects.live().select_related("user").get()
        outbox.request_link(Purpose.RESET, user.email, Actor())
        token = token_in([m for m in deliver() if m.subject == "Set a new password"][-1])

        def ask():
            try:
                flows.request_change(thief, Actor(), "thief@example.com", Proof("testpassword123"))
            except (InvalidToken, PasswordIncorrect):
                return

        race(ask, lambda: passwords.reset(token, f"ownerspassword{number}", Actor()))

        assert not Link.objects.exists()


@pytest.mark.postgresql
def test_one_of_two_people_who_want_an_email_address_gets_it(race, client, user, deliver):
    other = User.objects.create_user("other@example.com", "testpassword123")
    for number in range(10):
        email = f"wanted{number}@example.com"
        wishes = []
        for person in (user, other):
            session = Session.objects.create(
                user=person,
                created_at=timezone.now(),
                last_used_at=timezone.now(),
                expires_at=timezone.now() + timedelta(days=1),
            )
            with_network = Actor(f"192.0.{number}.{person.pk % 250}")
            flows.request_change(session, with_network, email)
            wishes.append((token_in(deliver()[-1]), session))

        def confirm(token, session):
            def run():
                try:
                    flows.confirm_change(flows.MailboxProof(token=token, session=session), Actor())
                except EmailTaken:
                    return "taken"
                return "won"

            return run

        assert sorted(race(*starmap(confirm, wishes))) == ["taken", "won"]
        assert User.objects.filter(email=email).count() == 1
