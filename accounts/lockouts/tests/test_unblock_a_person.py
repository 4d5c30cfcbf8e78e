"""An operator lifts the limits that keep a person out."""

import pytest
from django.core.management import CommandError, call_command
from django_tasks_db.models import DBTaskResult

from accounts.actors.actor import COMMAND
from accounts.events.models import Event
from accounts.lockouts import flows as lockouts
from accounts.throttling.models import Counter
from accounts.users.models import User

SIGNIN = "/api/v1/auth/signin"
FORGOT = "/api/v1/auth/forgot-password"
PASSWORD = "testpassword123"
STAY = (
    "The limits of whole networks stay, since others share them: SIGNIN_RATE_NETWORK,"
    " MAIL_RATE_NETWORK, SIGNUP_RATE_NETWORK."
)
pytestmark = pytest.mark.django_db


@pytest.fixture
def attempt(client):
    def attempt(password: str, peer: str, email: str = "test@example.com") -> int:
        body = {"email": email, "password": password}
        return client.post(SIGNIN, body, REMOTE_ADDR=peer).status_code

    return attempt


@pytest.fixture
def unblock(capsys):
    """Run the command, and return its lines."""

    def unblock(email: str = "test@example.com") -> list[str]:
        call_command("unblock", email)
        return capsys.readouterr().out.splitlines()

    return unblock


def events(name: str) -> list[Event]:
    return list(Event.objects.filter(name=name))


def test_unblock_lifts_failed_sign_ins_in_every_network(unblock, attempt, user, clock):
    assert attempt(PASSWORD, "203.0.113.7") == 200
    peers = ["203.0.113.7", "192.0.2.1", "2001:db8::1"]
    for peer in peers:
        while attempt("wrong", peer) == 401:
            pass
    assert [attempt(PASSWORD, peer) for peer in [*peers, "198.51.100.1"]] == [429] * 4

    lines = unblock(" Test@Example.com")

    until = "until 2026-01-01 12:05:00 UTC"
    network = "wrong passwords from {}, " + until + " (SIGNIN_RATE_ACCOUNT_NETWORK)."
    strange = "networks where the account never had a session"
    daily = "until 2026-01-02 12:00:00 UTC (PASSWORD_RATE_ACCOUNT)."
    assert sorted(lines) == sorted(
        [
            "Lifted: 5 of 5 " + network.format("203.0.113.7"),
            "Lifted: 5 of 5 " + network.format("192.0.2.1"),
            "Lifted: 5 of 5 " + network.format("2001:db8::/64"),
            f"Lifted: 10 of 10 failed sign-ins from {strange}, {until} (SIGNIN_RATE_ACCOUNT).",
            f"Lifted: 5 of 100 failed sign-ins of a day from 203.0.113.7, {daily}",
            f"Lifted: 10 of 100 failed sign-ins of a day from {strange}, {daily}",
            STAY,
        ]
    )
    assert [attempt(PASSWORD, peer) for peer in [*peers, "198.51.100.1"]] == [200] * 4
    (event,) = events("account_unblocked")
    assert event.user_id == user.pk
    limits = ["PASSWORD_RATE_ACCOUNT", "SIGNIN_RATE_ACCOUNT", "SIGNIN_RATE_ACCOUNT_NETWORK"]
    assert event.details == {"limits": limits, "by": "command"}


def test_unblock_lifts_what_was_counted_before_the_person_signed_up(
    unblock, attempt, client, clock
):
    while attempt("wrong", "192.0.2.1") == 401:
        pass
    person = {"email": "test@example.com", "password": PASSWORD}
    client.post("/api/v1/auth/signup", person, REMOTE_ADDR="192.0.2.1")
    assert attempt(PASSWORD, "192.0.2.1") == 429

    unblock()

    assert attempt(PASSWORD, "192.0.2.1") == 200


def test_unblock_lifts_wrong_current_passwords_too(unblock, clock, member):
    def delete(password: str, peer: str) -> int:
        body = {"current_password": password}
        return member.delete("/api/v1/users/me", body, REMOTE_ADDR=peer).status_code

    while delete("wrong", "192.0.2.9") == 400:  # Not the network of its session.
        pass
    assert delete(PASSWORD, "192.0.2.9") == 429

    unblock()

    assert delete(PASSWORD, "192.0.2.9") == 204


def test_unblock_lifts_the_limits_of_mails(unblock, client, user, clock):
    def ask() -> int:
        client.post(FORGOT, {"email": user.email})
        return DBTaskResult.objects.count()

    assert [ask() for _ in range(6)] == [1, 2, 3, 4, 5, 5]

    lines = unblock()

    until = "until 2026-01-01 13:00:00 UTC (MAIL_RATE_ACCOUNT)"
    assert lines == [f"Lifted: 5 of 5 mails of the kind reset-password, {until}.", STAY]
    assert ask() == 6


def test_unblock_leaves_other_accounts_and_whole_networks_as_they_are(
    unblock, attempt, user, clock
):
    User.objects.create_user("other@example.com", PASSWORD)
    for email in ("test@example.com", "other@example.com"):
        while attempt("wrong", "192.0.2.1", email) == 401:
            pass
    for number in range(20):
        attempt("wrong", "192.0.2.1", f"person{number}@example.com")

    unblock()

    assert attempt(PASSWORD, "192.0.2.1") == 429
    clock.shift(60)
    assert attempt(PASSWORD, "192.0.2.1") == 200
    assert attempt(PASSWORD, "192.0.2.1", "other@example.com") == 429


def test_nothing_to_lift_is_no_event(unblock, user):
    assert unblock() == ["Nothing was counted against this account.", STAY]
    assert not events("account_unblocked")


@pytest.mark.parametrize("email", ["other@example.com", "nonsense", ""])
def test_an_address_without_an_account_unblocks_nothing(unblock, attempt, user, clock, email):
    attempt("wrong", "192.0.2.1")
    before = list(Counter.objects.values())

    with pytest.raises(CommandError, match=r"^No account has this email address\.$"):
        unblock(email)

    assert list(Counter.objects.values()) == before
    assert not events("account_unblocked")


@pytest.mark.postgresql
def test_two_simultaneous_unblocks_are_recorded_once(race, client, user):
    for _ in range(5):
        client.post(SIGNIN, {"email": user.email, "password": "wrong"})

    lifted = race(*[lambda: lockouts.unblock(user, COMMAND)] * 8)

    assert sorted(map(len, lifted)) == [0] * 7 + [3]
    assert len(events("account_unblocked")) == 1
    assert Counter.objects.get().count == 5  # Of the network.
