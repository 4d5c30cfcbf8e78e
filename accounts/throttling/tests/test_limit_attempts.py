"""How often something may be tried, by anyone, on however many nodes."""

from datetime import timedelta

import pytest
from django.contrib.auth import hashers

from accounts.actors.actor import Actor
from accounts.auth import flows as auth
from accounts.errors import InvalidCredentials, TooManyAttempts
from accounts.sessions.models import Session
from accounts.throttling.models import Counter
from accounts.users.models import User

SIGNIN = "/api/v1/auth/signin"
SIGNUP = "/api/v1/auth/signup"
ME = "/api/v1/users/me"
MINUTE = timedelta(minutes=1)
pytestmark = pytest.mark.django_db


@pytest.fixture
def attempt(client):
    """Try to sign in from an IP address and return the status."""

    def attempt(
        email="test@example.com",
        password="wrongpassword123",  # noqa: S107 (of no account)
        peer="192.0.2.1",
    ):
        body = {"email": email, "password": password}
        return client.post(SIGNIN, body, REMOTE_ADDR=peer).status_code

    return attempt


def test_after_5_failures_even_the_right_password_waits(attempt, client, user, clock):
    assert [attempt() for _ in range(6)] == [401] * 5 + [429]

    credentials = {"email": "test@example.com", "password": "testpassword123"}
    answer = client.post(SIGNIN, credentials, REMOTE_ADDR="192.0.2.1")

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "300"
    assert answer.json() == {
        "type": "client_error",
        "title": "Too Many Requests",
        "status": 429,
        "detail": "Too many attempts, try again later.",
        "code": "too_many_attempts",
        "errors": [],
        "request_id": answer.headers["X-Request-ID"],
    }
    assert not Session.objects.exists()


def test_a_block_ends_when_it_said_and_trying_does_not_extend_it(attempt, client, user, clock):
    for _ in range(5):
        assert attempt() == 401
        clock.shift(10)
    for instant, seconds in (("12:04:50", "10"), ("12:04:59.5", "1")):
        clock.move_to(f"2026-01-01T{instant}Z")
        body = {"email": "test@example.com", "password": "testpassword123"}
        answer = client.post(SIGNIN, body, REMOTE_ADDR="192.0.2.1")
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, seconds)

    clock.move_to("2026-01-01T12:05:00Z")
    assert attempt(password="testpassword123") == 200


def test_only_failures_count(attempt, user, clock):
    assert [attempt(password="testpassword123") for _ in range(40)] == [200] * 40
    assert [attempt() for _ in range(6)] == [401] * 5 + [429]


def test_the_right_password_of_an_inactive_account_is_no_failure(attempt, user, clock):
    User.objects.update(is_active=False)

    assert [attempt(password="testpassword123") for _ in range(10)] == [403] * 10


def test_the_answers_for_an_unknown_address_are_those_for_a_known_one(client, user, clock):
    def sequence(email, peer):
        clock.move_to("2026-01-01T12:00Z")
        answers = []
        for _ in range(8):
            clock.shift(1)
            body = {"email": email, "password": "wrongpassword123"}
            answer = client.post(SIGNIN, body, REMOTE_ADDR=peer)
            content = answer.content.decode().replace(answer.headers["X-Request-ID"], "")
            del answer.headers["X-Request-ID"]
            answers.append((answer.status_code, dict(answer.headers), content))
        return answers

    known = sequence("test@example.com", "192.0.2.1")
    assert known == sequence("nobody@example.com", "192.0.2.2")
    assert [status for status, *_ in known] == [401] * 5 + [429] * 3


def test_all_but_the_first_blocked_attempt_cost_a_read_and_no_hash(
    client, attempt, user, clock, monkeypatch, django_assert_num_queries
):
    for _ in range(6):
        attempt()
    hashed = []
    monkeypatch.setattr(
        type(hashers.get_hasher()), "encode", lambda *arguments: hashed.append(arguments)
    )

    with django_assert_num_queries(2) as queries:  # Whether the network is known; the counters.
        assert attempt() == 429

    assert all(query["sql"].startswith("SELECT") for query in queries)
    assert not hashed


def test_other_networks_and_other_accounts_are_not_blocked(attempt, user, clock):
    User.objects.create_user("other@example.com", "testpassword123")
    for _ in range(6):
        attempt()

    assert attempt(password="testpassword123", peer="192.0.2.2") == 200
    assert attempt("other@example.com", "testpassword123") == 200


def test_letter_case_and_spaces_make_no_new_account(attempt, user, clock):
    spellings = ["Test@example.com", " test@example.com", "TEST@EXAMPLE.COM ", "test@Example.com"]

    assert [attempt(email) for email in spellings] == [401] * 4
    assert [attempt(), attempt()] == [401, 429]


def test_addresses_of_one_ipv6_64_share_a_limit(attempt, user, clock):
    peers = [f"2001:db8::{host}" for host in range(1, 7)]

    assert [attempt(peer=peer) for peer in peers] == [401] * 5 + [429]
    assert attempt(peer="2001:db8:0:1::1") == 401


def test_100_spoofed_addresses_buy_no_attempt(client, user, clock):
    statuses = []
    for host in range(100):
        spoofed = {"X-Forwarded-For": f"198.51.100.{host}", "X-Real-IP": f"198.51.100.{host}"}
        body = {"email": "test@example.com", "password": "wrongpassword123"}
        statuses.append(client.post(SIGNIN, body, headers=spoofed).status_code)

    assert statuses == [401] * 5 + [429] * 95


def test_an_account_is_tried_10_times_from_strange_networks_together(attempt, user, clock):
    peers = [f"192.0.2.{host}" for host in range(12)]

    assert [attempt(peer=peer) for peer in peers] == [401] * 10 + [429] * 2


def test_strangers_cannot_lock_the_owner_out(attempt, user, clock):
    assert attempt(password="testpassword123", peer="203.0.113.1") == 200
    for host in range(20):
        attempt(peer=f"192.0.2.{host}")

    assert attempt(password="testpassword123", peer="198.51.100.1") == 429
    assert attempt(password="testpassword123", peer="203.0.113.1") == 200
    Session.objects.all().revoke()
    assert attempt(password="testpassword123", peer="203.0.113.1") == 200


def test_a_network_fails_30_times_a_minute(attempt, user, clock):
    statuses = [attempt(f"person{person}@example.com") for person in range(32)]

    assert statuses == [401] * 30 + [429] * 2
    clock.shift(60)
    assert attempt("person1@example.com") == 401


@pytest.mark.parametrize("body", [{}, {"email": ""}, {"email": None}, {"password": "x"}])
def test_requests_without_credentials_share_no_limit(client, clock, body):
    for _ in range(40):
        assert client.post(SIGNIN, body).status_code == 400
    assert not Counter.objects.exists()


def test_a_network_signs_up_60_people_an_hour(client, settings, clock):
    settings.SIGNUP_RATE_NETWORK = (3, timedelta(hours=1))

    def sign_up(person: int) -> int:
        body = {"email": f"person{person}@example.com", "password": "testpassword123"}
        return client.post(SIGNUP, body).status_code

    assert [sign_up(person) for person in range(5)] == [201] * 3 + [429] * 2
    assert User.objects.count() == 3
    clock.shift(3600)
    assert sign_up(5) == 201


def test_the_default_limits_are_as_documented(settings):
    assert settings.THROTTLING is True
    assert settings.SIGNIN_RATE_ACCOUNT_NETWORK == (5, 5 * MINUTE)
    assert settings.SIGNIN_RATE_ACCOUNT == (10, 5 * MINUTE)
    assert settings.SIGNIN_RATE_NETWORK == (30, MINUTE)
    assert settings.SIGNUP_RATE_NETWORK == (60, 60 * MINUTE)


def test_limits_can_be_lifted_by_a_setting(attempt, user, settings):
    settings.THROTTLING = False

    assert [attempt() for _ in range(40)] == [401] * 40


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", f"{ME}/change-password", {"new_password": "newpassword123"}),
        ("patch", ME, {"password": "newpassword123"}),
        ("patch", ME, {"full_name": "Ana"}),
        ("delete", ME, {}),
    ],
)
def test_the_holder_of_a_session_cannot_guess_the_current_password(
    member, user, method, path, body
):
    def guess(password):
        return getattr(member, method)(path, {**body, "current_password": password})

    assert [guess("wrong").status_code for _ in range(6)] == [400] * 5 + [429]
    refused = guess("testpassword123")

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts")
    unchanged = User.objects.get()
    assert (unchanged.password, unchanged.full_name) == (user.password, "Test User")


def test_counters_name_no_one(attempt, clock):
    attempt("nobody@example.com")

    for key in Counter.objects.values_list("key", flat=True):
        assert len(key) == 64
        assert "nobody" not in key


@pytest.mark.postgresql
def test_a_limit_of_20_lets_20_of_300_parallel_sign_ins_on_2_servers_through(race, start_node):
    rates = {"SIGNIN_RATE_NETWORK": "20/5m"}
    production = {"ENVIRONMENT": "production", "ALLOWED_HOSTS": "127.0.0.1"}
    production |= {"EMAIL_URL": "smtp://127.0.0.1", "EMAIL_FROM": "accounts@example.com"}
    nodes = [start_node(**rates, **production) for _ in range(2)]

    def attack(node, thread):
        def run():
            return [
                node.post(SIGNIN, {"email": f"p{thread}-{n}@example.com", "password": "x"})[0]
                for n in range(15)
            ]

        return run

    attacks = race(*(attack(nodes[thread % 2], thread) for thread in range(20)))

    statuses = [status for attack in attacks for status in attack]
    assert (statuses.count(401), statuses.count(429)) == (20, 280)


def test_a_flow_without_a_request_counts_too(user, clock):
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            auth.signin("test@example.com", "wrongpassword123", actor=Actor())
    with pytest.raises(TooManyAttempts):
        auth.signin("test@example.com", "testpassword123", actor=Actor())
