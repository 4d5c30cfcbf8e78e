"""The current password confirms a sensitive change; wrong ones are limited."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client as Browser

from accounts.actors.actor import COMMAND, Actor
from accounts.errors import (
    PasswordIncorrect,
    TooManyAttempts,
)
from accounts.lockouts import flows as lockouts
from accounts.passwords import flows as passwords
from accounts.passwords.tests.test_reset_the_password import token_in
from accounts.reauthentication import flows
from accounts.reauthentication.proofs import Proof
from accounts.sessions.models import Session
from accounts.throttling.flows import tallies
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


def guess(member, password: str = WRONG, peer: str = THIEF) -> int:
    """Send the current password with a harmless change and return the status."""
    body = {"full_name": "Ana", "current_password": password}
    return member.patch(ME, body, REMOTE_ADDR=peer).status_code


def test_guesses_count_together_on_every_route_and_from_everywhere(
    client, member, user, deliver, settings
):
    member.post(f"{ME}/change-email", {"new_email": "new@example.com"})
    token = token_in(deliver()[-1])
    wrong = {"current_password": WRONG}
    new = {"new_password": "newpassword123", **wrong}
    thief = [f"198.51.100.{number}" for number in range(9)]

    statuses = [
        member.patch(ME, {"full_name": "Thief", **wrong}, REMOTE_ADDR=thief[0]).status_code,
        member.delete(ME, wrong, REMOTE_ADDR=thief[1]).status_code,
        member.post(f"{ME}/change-password", new, REMOTE_ADDR=thief[2]).status_code,
        client.post(
            "/api/v1/auth/confirm-email-change", {"token": token, **wrong}, REMOTE_ADDR=thief[3]
        ).status_code,
        Browser(REMOTE_ADDR=thief[4])
        .post("/account/confirm-email-change", {"token": token, **wrong})
        .status_code,
    ]
    right = {"current_password": RIGHT}
    body = {"new_email": "thief@example.com", **right}
    refused = member.post(f"{ME}/change-email", body, REMOTE_ADDR=thief[5])

    assert statuses == [400] * 5
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts")
    assert member.delete(ME, right).status_code == 429
    unchanged = User.objects.get()
    assert (unchanged.email, unchanged.password) == ("test@example.com", user.password)
    assert unchanged.full_name == "Test User"


def test_guesses_with_a_stolen_token_block_no_sign_in(clock, client, member, user):
    assert [guess(member) for _ in range(7)] == [400] * 5 + [429] * 2

    for peer in (HOME, THIEF, "203.0.113.1"):
        assert sign_in(client, peer=peer) == 200


def test_failed_sign_ins_do_not_keep_the_owner_from_confirming(clock, client, member, user):
    for peer in (HOME, THIEF):
        while sign_in(client, WRONG, peer) == 401:
            pass

    assert guess(member, RIGHT, HOME) == 200


def test_after_5_minutes_the_owner_may_confirm_again(clock, member, user):
    while guess(member) == 400:
        pass
    refused = member.patch(ME, {"current_password": RIGHT}, REMOTE_ADDR=HOME)
    assert refused.headers["Retry-After"] == "300"

    clock.shift(timedelta(minutes=5))

    assert guess(member, RIGHT, HOME) == 200


def test_right_passwords_count_as_nothing(clock, member):
    assert [guess(member, RIGHT) for _ in range(20)] == [200] * 20


def test_100_guesses_are_let_through_in_a_day(clock, member, user):
    session = Session.objects.select_related("user").get()

    def confirm(password: str, peer: str) -> str:
        try:
            flows.require(session, Proof(password), Actor(ip_address=peer))
        except (PasswordIncorrect, TooManyAttempts) as error:
            return type(error).__name__
        return "confirmed"

    def guesses_of_an_hour(peer: str) -> list[str]:
        outcomes = []
        for _ in range(12):
            outcomes += [confirm(WRONG, peer) for _ in range(6)]
            clock.shift(timedelta(minutes=5))
        return outcomes

    outcomes = guesses_of_an_hour(THIEF) + guesses_of_an_hour("198.51.100.2")

    assert outcomes.count("PasswordIncorrect") == 100
    assert set(outcomes) == {"PasswordIncorrect", "TooManyAttempts"}
    assert confirm(RIGHT, "203.0.113.1") == "TooManyAttempts"
    assert confirm(RIGHT, HOME) == "confirmed"  # A network where the owner signed in.
    clock.shift(timedelta(days=1))
    assert confirm(RIGHT, "203.0.113.1") == "confirmed"


def unblock(*_):
    lockouts.unblock(User.objects.get(), COMMAND)


def reset(client, deliver):
    client.post("/api/v1/auth/forgot-password", {"email": "test@example.com"})
    body = {"token": token_in(deliver()[-1]), "password": RIGHT + "4"}
    assert client.post("/api/v1/auth/reset-password", body).status_code == 200


def set_by_staff(*_):
    passwords.set_by_staff(User.objects.get(), RIGHT + "4", COMMAND)


@pytest.mark.parametrize(
    ("lift", "password"), [(unblock, RIGHT), (reset, RIGHT + "4"), (set_by_staff, RIGHT + "4")]
)
def test_a_new_password_and_unblock_lift_these_blocks_too(
    clock, client, member, user, deliver, lift, password
):
    for peer in (HOME, THIEF):
        guess(member, peer=peer)
    while guess(member) == 400:
        pass
    assert guess(member, RIGHT) == 429

    lift(client, deliver)

    answer = client.post(SIGNIN, {"email": user.email, "password": password})
    member.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access_token']}")
    assert guess(member, password) == 200
    names = {"REAUTHENTICATION_RATE_ACCOUNT", "PASSWORD_RATE_ACCOUNT"}
    counted = tallies(
        [
            *lockouts.all_signin_limits(User.objects.get()),
            *lockouts.all_confirmation_limits(User.objects.get()),
        ]
    )
    assert not names & {tally.limit.name for tally in counted}


def test_explain_says_that_the_password_cannot_confirm(clock, capsys, member, user):
    while guess(member) == 400:
        pass

    call_command("explain", user.email)

    lines = capsys.readouterr().out.splitlines()
    assert "Nothing keeps them from signing in with the right password." in lines
    assert (
        "Cannot confirm with their password: 5 of 5 wrong current passwords in a session,"
        " until 2026-01-01 12:05:00 UTC (REAUTHENTICATION_RATE_ACCOUNT)."
    ) in lines


@pytest.mark.postgresql
def test_five_of_40_parallel_guesses_are_compared(race, member, user):
    session = Session.objects.select_related("user").get()

    def run():
        try:
            flows.require(session, Proof(WRONG), Actor(ip_address=THIEF))
        except (PasswordIncorrect, TooManyAttempts) as error:
            return type(error).__name__

    outcomes = race(*[run] * 40)

    assert outcomes.count("PasswordIncorrect") == 5
    assert outcomes.count("TooManyAttempts") == 35
