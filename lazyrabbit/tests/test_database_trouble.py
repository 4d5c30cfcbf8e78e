"""A database in trouble causes no 500, and afterwards the service recovers by itself."""

import time

import pytest
from django.db import close_old_connections, connection, connections
from django.test import Client
from django.urls import reverse

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.direct,
    pytest.mark.django_db(transaction=True),
]
SIGNIN = "/api/v1/auth/signin"


def send(request, *arguments):
    """Send a request, and close connections as the server does and the test client does not."""
    close_old_connections()
    try:
        return request(*arguments)
    finally:
        close_old_connections()


def backend() -> int:
    """Return which process of PostgreSQL answers."""
    connection.ensure_connection()  # It was handed over at the end of the request before.
    return connection.connection.info.backend_pid


def assert_unavailable(answer) -> None:
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "unavailable"


@pytest.fixture
def second():
    """Return another connection to the test's database, as another client has one."""
    other = connections.create_connection("default")
    yield other.cursor()
    other.close()


@pytest.fixture(params=["api", "page"])
def sign_in_anywhere(request, client, user, test_user_data):
    """Sign in over the API, or with the form of the admin: both read and write."""
    if request.param == "api":
        return lambda: send(client.post, SIGNIN, test_user_data)
    form = {"username": test_user_data["email"], "password": test_user_data["password"]}
    return lambda: send(Client().post, reverse("admin:login"), form)


def test_a_connection_that_the_server_closed_is_replaced(sign_in_anywhere, second):
    pid = backend()
    second.execute("SELECT pg_terminate_backend(%s)", [pid])
    time.sleep(0.2)

    assert sign_in_anywhere().status_code == 200
    assert backend() != pid


def test_a_connection_stays_while_all_is_well(client, member):
    pid = backend()
    for _ in range(3):
        assert send(member.get, "/api/v1/users/me").status_code == 200
        assert send(client.post, SIGNIN, {}).status_code == 400

    assert backend() == pid


def test_a_read_only_database_is_a_503(sign_in_anywhere, caplog):
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")

    assert_unavailable(sign_in_anywhere())

    assert "database_trouble code=25006" in caplog.text
    assert "Traceback" not in caplog.text
    assert sign_in_anywhere().status_code == 200  # On another connection.


def test_a_locked_row_is_a_503(client, user, test_user_data, second):
    second.execute("BEGIN")
    second.execute("SELECT * FROM users FOR UPDATE")
    started = time.monotonic()

    assert_unavailable(send(client.post, SIGNIN, test_user_data))

    assert time.monotonic() - started < 4
    second.execute("ROLLBACK")
    assert send(client.post, SIGNIN, test_user_data).status_code == 200


def test_a_missing_answer_of_the_database_is_a_503(member, second, monkeypatch):
    """The server limits its statements itself; a server that hangs limits nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 0; SET statement_timeout = 0")
    monkeypatch.setattr(connection.connection, "seconds", 0.5)
    second.execute("BEGIN")
    second.execute("LOCK TABLE users")
    started = time.monotonic()

    assert_unavailable(send(member.get, "/api/v1/users/me"))

    assert time.monotonic() - started < 2
    second.execute("ROLLBACK")
    assert send(member.get, "/api/v1/users/me").status_code == 200
