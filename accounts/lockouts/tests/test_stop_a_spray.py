"""Guesses that come from many networks, at many accounts, or all day."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_tasks_db.models import DBTaskResult

from accounts.actors.actor import Actor
from accounts.auth import flows as auth
from accounts.errors import InvalidCredentials, TooManyAttempts
from accounts.lockouts import flows as lockouts
from accounts.management.people import describe
from accounts.throttling.limits import limit, network_limits
from accounts.users.models import User

SIGNIN = "/api/v1/auth/signin"
SIGNUP = "/api/v1/auth/signup"
FORGOT = "/api/v1/auth/forgot-password"
RESEND = "/api/v1/auth/resend-verification"
RIGHT, WRONG = "testpassword123", "wrongpassword123"
IN_ONE_56 = [f"2001:db8:1:{number:x}::1" for number in range(100)]
IN_ONE_48 = [f"2001:db8:1:{number:x}00::1" for number in range(100)]
pytestmark = pytest.mark.django_db


@pytest.fixture
def attempt(client):
    def attempt(peer: str, email: str = "test@example.com", password: str = WRONG) -> int:
        body = {"email": email, "password": password}
        return client.post(SIGNIN, body, REMOTE_ADDR=peer).status_code

    return attempt


@pytest.mark.parametrize(("peers", "through"), [(IN_ONE_56, 30), (IN_ONE_48, 37)])
def test_a_spray_that_rotates_its_64s_is_stopped(clock, attempt, user, peers, through):
    statuses = [attempt(peer, f"p{n}@example.com") for n, peer in enumerate(peers[:45])]

    assert statuses == [401] * through + [429] * (45 - through)
    assert attempt(peers[50], user.email, RIGHT) == 429
    assert attempt("2001:db8:2::1", user.email, RIGHT) == 200
    clock.shift(60)
    assert attempt(peers[50], user.email, RIGHT) == 200


def test_a_spray_from_the_48_of_the_owner_does_not_keep_the_owner_out(clock, attempt, user):
    home = "2001:db8:1:ff00::5"
    assert attempt(home, user.email, RIGHT) == 200
    for n, peer in enumerate(IN_ONE_48[:60]):
        attempt(peer, f"p{n}@example.com")

    assert attempt("2001:db8:1:ff01::5", user.email, RIGHT) == 429
    assert attempt(home, user.email, RIGHT) == 200


def test_a_right_password_counts_against_no_wider_network(clock, attempt, user):
    assert [attempt(peer, user.email, RIGHT) for peer in IN_ONE_48] == [200] * 100


@pytest.mark.parametrize(("peers", "through"), [(IN_ONE_56, 60), (IN_ONE_48, 75)])
def test_sign_ups_that_rotate_their_64s_are_stopped(clock, client, peers, through):
    statuses = []
    for n, peer in enumerate(peers):
        body = {"email": f"p{n}@example.com", "password": RIGHT}
        statuses.append(client.post(SIGNUP, body, REMOTE_ADDR=peer).status_code)

    assert statuses == [201] * through + [429] * (100 - through)
    assert User.objects.count() == through


@pytest.mark.parametrize("path", [FORGOT, RESEND])
@pytest.mark.parametrize(("peers", "through"), [(IN_ONE_56, 20), (IN_ONE_48, 25)])
def test_requests_for_mails_that_rotate_their_64s_are_stopped(clock, client, path, peers, through):
    statuses = [
        client.post(path, {"email": f"p{n}@example.com"}, REMOTE_ADDR=peer).status_code
        for n, peer in enumerate(peers[:70])
    ]

    assert statuses == [202] * through + [429] * (70 - through)
    assert DBTaskResult.objects.count() == through


@pytest.mark.parametrize("network", ["192.0.2.1", ""])
def test_around_an_ipv4_address_there_is_no_wider_network(network):
    assert network_limits("SIGNIN_RATE_NETWORK", network) == [limit("SIGNIN_RATE_NETWORK", network)]


def test_around_an_ipv6_64_there_are_two(settings):
    settings.SIGNIN_RATE_NETWORK = (30, timedelta(minutes=1))

    limits = network_limits("SIGNIN_RATE_NETWORK", "2001:db8:1:ab12::/64")

    assert [(one.subject, one.maximum) for one in limits] == [
        (("2001:db8:1:ab12::/64",), 30),
        (("2001:db8:1:ab00::/56",), 30),
        (("2001:db8:1::/48",), 37),
    ]
    assert len({one.key for one in limits}) == 3


# A day of guesses.


def guess_for_2_hours(clock, email: str, peers: list[str]) -> int:
    """Guess from each IP address whenever allowed, and return how many guesses were."""
    through = 0
    for _ in range(2 * 12):
        for peer in peers * 5:
            try:
                auth.authenticate(email, WRONG, Actor(ip_address=peer))
            except InvalidCredentials:
                through += 1
            except TooManyAttempts:
                continue
        clock.shift(timedelta(minutes=5))
    return through


@pytest.mark.parametrize("email", ["test@example.com", "nobody@example.com"])
def test_strangers_guess_100_times_a_day_at_one_account(clock, attempt, user, email):
    strangers = [f"198.51.100.{number}" for number in range(3)]

    assert guess_for_2_hours(clock, email, strangers) == 100

    assert attempt("203.0.113.1", email, RIGHT) == 429
    clock.shift(timedelta(days=1))
    assert attempt("203.0.113.1", email, RIGHT) == (200 if email == user.email else 401)


def test_the_daily_cap_keeps_no_owner_out_of_a_known_network(clock, attempt, user):
    home, office = "203.0.113.1", "203.0.113.2"
    assert [attempt(peer, password=RIGHT) for peer in (home, office)] == [200, 200]
    guess_for_2_hours(clock, user.email, [f"198.51.100.{number}" for number in range(3)])
    assert attempt("203.0.113.3", password=RIGHT) == 429

    assert [attempt(peer, password=RIGHT) for peer in (home, office)] == [200, 200]


def test_from_a_network_of_the_owner_100_guesses_are_let_through_too(clock, attempt, user):
    home, office = "203.0.113.1", "203.0.113.2"
    assert [attempt(peer, password=RIGHT) for peer in (home, office)] == [200, 200]

    assert guess_for_2_hours(clock, user.email, [home]) == 100

    assert attempt(home, password=RIGHT) == 429
    assert [attempt(peer, password=RIGHT) for peer in (office, "203.0.113.3")] == [200, 200]


def test_the_door_of_the_admin_counts_with_that_of_the_api(clock, attempt, user):
    User.objects.update(is_staff=True)
    guess_for_2_hours(clock, user.email, [f"198.51.100.{number}" for number in range(3)])

    form = {"username": user.email, "password": RIGHT}
    answer = Browser().post(reverse("admin:login"), form, REMOTE_ADDR="203.0.113.1")

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 3600


@pytest.mark.postgresql
def test_37_of_60_parallel_guesses_from_60_64s_are_compared(race, user):
    def guess(number: int):
        def run():
            client = Actor(ip_address=IN_ONE_48[number])
            try:
                auth.authenticate(f"p{number}@example.com", WRONG, client)
            except (InvalidCredentials, TooManyAttempts) as error:
                return type(error)

        return run

    outcomes = race(*map(guess, range(60)))

    assert outcomes.count(InvalidCredentials) == 37
    assert outcomes.count(TooManyAttempts) == 23


@pytest.mark.parametrize("peer", ["192.0.2.1", "2001:db8:1:2::1"])
def test_more_limits_cost_a_sign_in_no_more_statements(clock, attempt, user, peer):
    """Three networks of an IPv6 address take one statement, like one network."""

    def statements(password: str) -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            attempt(peer, password=password)
        return [query["sql"].split()[0] for query in queries if "counters" in query["sql"]]

    # Checked before it waits for a hash, and again when its turn has come.
    assert statements(WRONG) == ["SELECT", "SELECT", "INSERT"]
    assert statements(RIGHT) == ["SELECT", "SELECT", "INSERT", "INSERT"]


def test_explain_names_the_wider_network_that_is_blocked(clock, attempt, user):
    attempt(IN_ONE_48[99])
    for n, peer in enumerate(IN_ONE_48[:40]):
        attempt(peer, f"p{n}@example.com")

    (block,) = lockouts.signin_blocks(user)

    assert describe(block) == (
        "37 of 37 failed sign-ins of any account from 2001:db8:1::/48,"
        " until 2026-01-01 12:01:00 UTC (SIGNIN_RATE_NETWORK)"
    )
