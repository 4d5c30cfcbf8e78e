from datetime import timedelta
from functools import partial

import bcrypt
import pytest
import time_machine
from django.contrib.auth import hashers

from accounts.actors.actor import Actor
from accounts.auth import flows
from accounts.errors import InvalidCredentials
from accounts.passwords import flows as passwords
from accounts.sessions import flows as sessions
from accounts.sessions.models import Session
from accounts.throttling.models import Counter
from accounts.users import hashing_pool
from accounts.users.models import User

URL = "/api/v1/auth/signin"
pytestmark = pytest.mark.django_db


@pytest.fixture
def hashes(monkeypatch):
    """Count the hashes that are computed."""
    counted = []
    real = bcrypt.hashpw

    def hashpw(password, salt):
        counted.append(salt)
        return real(password, salt)

    monkeypatch.setattr(bcrypt, "hashpw", hashpw)
    return counted


def test_a_person_signs_in(client, user, test_user_data):
    answer = client.post(URL, test_user_data, headers={"User-Agent": "Firefox"})

    session = Session.objects.get()
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"user", "access_token", "refresh_token", "token_type", "expires_in"}
    assert (body["token_type"], body["expires_in"]) == ("bearer", 900)
    assert body["user"]["email"] == "test@example.com"
    assert (session.user, session.user_agent, session.ip_address) == (user, "Firefox", "127.0.0.1")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("email", ["TEST@EXAMPLE.COM", "  test@example.com ", "Test@Example.com"])
def test_any_spelling_of_the_email_address_is_accepted(client, user, email, test_user_data):
    assert client.post(URL, {**test_user_data, "email": email}).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "wrongpassword123"},
        {"password": "testpassword123 "},
        {"password": " testpassword123"},
        {"password": "TESTPASSWORD123"},
        {"password": "x" * 5000},
        {"email": "nobody@example.com"},
        {"email": "no address"},
        {"email": "te\u017ft@example.com"},  # A long s, whose upper case is S.
        {"email": "a@x.org,b@y.org"},
        {"email": "a" * 300 + "@example.com"},
        {"email": "\u0301" * 30_000},
    ],
)
def test_every_wrong_credential_gets_the_same_answer(client, user, wrong, test_user_data):
    answer = client.post(URL, {**test_user_data, **wrong})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json() == {
        "type": "client_error",
        "title": "Unauthorized",
        "status": 401,
        "detail": "Incorrect email or password",
        "code": "invalid_credentials",
        "errors": [],
        "request_id": answer.headers["X-Request-ID"],
    }
    assert not Session.objects.exists()


@pytest.mark.parametrize("member", ["email", "password"])
@pytest.mark.parametrize(("value", "code"), [("", "blank"), (None, "null"), (7, "invalid")])
def test_a_blank_field_is_named(client, user, member, value, code, test_user_data):
    answer = client.post(URL, {**test_user_data, member: value})

    assert answer.status_code == 400
    assert [(e["attr"], e["code"]) for e in answer.json()["errors"]] == [(member, code)]
    assert not Session.objects.exists()


def test_spaces_are_a_blank_address_and_a_password_like_any_other(client, user, test_user_data):
    spaces = client.post(URL, {**test_user_data, "email": "   "})
    wrong = client.post(URL, {**test_user_data, "password": "   "})

    assert (spaces.status_code, spaces.json()["code"]) == (400, "blank")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_credentials")


def test_only_the_right_password_reveals_an_inactive_account(client, user, test_user_data):
    User.objects.update(is_active=False)

    right = client.post(URL, test_user_data)
    wrong = client.post(URL, {**test_user_data, "password": "wrongpassword123"})

    assert (right.status_code, right.json()["code"]) == (403, "account_inactive")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_credentials")
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    "kind", ["wrong password", "unknown", "inactive", "no password", "gibberish", "imported"]
)
def test_every_kind_of_failure_costs_one_hash(client, user, kind, hashes, test_user_data):
    stored = {
        "inactive": {"is_active": False},
        "no password": {"password": hashers.make_password(None)},
        "gibberish": {"password": "gibberish"},
        "imported": {"password": "bcrypt$" + user.password.partition("$")[2]},
    }
    User.objects.update(**stored.get(kind, {"is_active": True}))
    email = "nobody@example.com" if kind == "unknown" else "test@example.com"
    hashes.clear()

    answer = client.post(URL, {"email": email, "password": "wrongpassword123"})

    assert answer.status_code == 401
    assert len(hashes) == 1


@pytest.mark.parametrize("path", [URL, "/api/v1/auth/signup"])
def test_a_request_refused_by_a_flood_counts_as_no_failure(client, user, path, monkeypatch):
    pool = hashing_pool.HashingPool(threads=1, patience=0)
    pool.running = 1
    monkeypatch.setattr(hashing_pool, "pool", pool)
    body = {"email": "new@example.com", "password": "testpassword123"}

    statuses = [client.post(path, body).status_code for _ in range(70)]

    assert statuses == [503] * 70
    assert set(Counter.objects.values_list("count", flat=True)) <= {0}


def test_a_place_taken_in_the_meantime_is_no_failure_either(client, user, monkeypatch):
    pool = hashing_pool.HashingPool(threads=1, patience=0)
    monkeypatch.setattr(hashing_pool, "pool", pool)
    is_taken = partial(setattr, pool, "running", 1)
    monkeypatch.setattr(pool, "refuse_if_full", is_taken)  # Free, until just now.
    body = {"email": "test@example.com", "password": "wrongpassword123"}

    assert client.post(URL, body).status_code == 503
    assert not Counter.objects.exists()


def test_a_flood_is_refused_without_a_query(client, monkeypatch, django_assert_num_queries):
    pool = hashing_pool.HashingPool(threads=1, patience=0)
    pool.running = 1
    monkeypatch.setattr(hashing_pool, "pool", pool)

    with django_assert_num_queries(0):
        body = {"email": "test@example.com", "password": "testpassword123"}
        assert client.post(URL, body).status_code == 503


def test_a_stale_token_does_not_disturb(client, user, test_user_data):
    client.credentials(HTTP_AUTHORIZATION="Bearer stale")

    assert client.post(URL, test_user_data).status_code == 200


def test_a_password_changed_during_a_sign_in_refuses_it(user, test_user_data):
    earlier = User.objects.get()
    passwords.set_by_staff(user, "anotherpassword123", Actor())

    with pytest.raises(InvalidCredentials):
        sessions.start(earlier, Actor())
    assert not Session.objects.exists()


def test_the_oldest_session_ends_above_the_limit(user, settings, test_user_data):
    settings.SESSIONS_PER_USER = 3
    credentials = {name: test_user_data[name] for name in ("email", "password")}

    with time_machine.travel("2026-01-01", tick=False) as clock:
        for _ in range(5):
            clock.shift(60)
            flows.signin(**credentials, actor=Actor())
        live = Session.objects.live().order_by("created_at")
        started = [session.created_at.minute for session in live]

    assert started == [3, 4, 5]
    assert Session.objects.count() == 5


@pytest.mark.postgresql
def test_a_sign_in_with_the_old_password_never_outlives_its_change(
    race, user, test_user_data, settings
):
    settings.THROTTLING = False
    credentials = {name: test_user_data[name] for name in ("email", "password")}

    def sign_in():
        try:
            flows.signin(**credentials, actor=Actor())
        except InvalidCredentials:
            return "refused"
        return "signed in"

    def change():
        passwords.set_by_staff(User.objects.get(), "anotherpassword123", Actor())

    for _ in range(20):
        passwords.set_by_staff(user, credentials["password"], Actor())
        race(sign_in, change, sign_in, sign_in)
        assert not Session.objects.live().exists()


@pytest.mark.postgresql
def test_parallel_sign_ins_keep_the_limit_of_sessions(race, user, settings, test_user_data):
    settings.SESSIONS_PER_USER, settings.THROTTLING = 3, False
    credentials = {name: test_user_data[name] for name in ("email", "password")}

    race(*[lambda: flows.signin(**credentials, actor=Actor())] * 12)

    assert Session.objects.live().count() == 3
    assert Session.objects.count() == 12


def test_a_password_is_good_until_it_is_changed(client, user, test_user_data):
    with time_machine.travel(user.created_at + timedelta(days=3650)):
        assert client.post(URL, test_user_data).status_code == 200
