"""Shared fixtures: clients, users, server processes, races."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.models import Permission
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_tasks_db.management.commands import db_worker
from rest_framework.test import APIClient

from accounts.outbox.sender import Sender
from accounts.tests.contract import assert_documented
from accounts.users import hashing_pool
from accounts.users.hashers import BcryptSHA256Hasher
from accounts.users.models import User

PRODUCTION_COST = BcryptSHA256Hasher.rounds
# A race of many threads tests rows, so no thread may be refused because it waited too long …
ROOMY_POOL = hashing_pool.HashingPool(threads=4, patience=300)


settings.CONNECTIONS = 40  # … or because no connection is free: servers have fewer.


class DocumentedClient(APIClient):
    """A client that also checks each response against the schema."""

    def request(self, **kwargs: Any) -> Any:
        response = super().request(**kwargs)
        assert_documented(
            kwargs["REQUEST_METHOD"],
            kwargs["PATH_INFO"],
            response.status_code,
            response.headers,
            response.content if not response.streaming else b"",
        )
        return response


@pytest.fixture(autouse=True)
def cheap_hasher(monkeypatch):
    """Use the real hasher at bcrypt's lowest cost."""
    monkeypatch.setattr(BcryptSHA256Hasher, "rounds", 4)


@pytest.fixture(autouse=True)
def roomy_pool(monkeypatch):
    """Use the real pool, with a wait that no test exceeds by accident."""
    monkeypatch.setattr(hashing_pool, "pool", ROOMY_POOL)


@pytest.fixture
def production_hasher(monkeypatch, cheap_hasher):
    monkeypatch.setattr(BcryptSHA256Hasher, "rounds", PRODUCTION_COST)


@pytest.fixture
def client():
    return DocumentedClient()


@pytest.fixture
def clock():
    """Stop the clock at noon; a test may advance it."""
    with time_machine.travel("2026-01-01T12:00Z", tick=False) as clock:
        yield clock


@pytest.fixture
def test_user_data():
    return {
        "email": "test@example.com",
        "password": "testpassword123",
        "full_name": "Test User",
    }


@pytest.fixture
def user(db, test_user_data):
    return User.objects.create_user(**test_user_data)


@pytest.fixture
def sign_in(user, test_user_data):
    """Sign the user in on one more device; return a client with its ``tokens``."""

    def sign_in(**headers: str) -> DocumentedClient:
        member: Any = DocumentedClient()
        credentials = {name: test_user_data[name] for name in ("email", "password")}
        answer = member.post("/api/v1/auth/signin", credentials, headers=headers)
        assert answer.status_code == 200, answer.content
        member.tokens = answer.json()
        member.credentials(HTTP_AUTHORIZATION=f"Bearer {member.tokens['access_token']}")
        return member

    return sign_in


@pytest.fixture
def member(sign_in):
    return sign_in()


@pytest.fixture
def test_user_token(member):
    return member.tokens["access_token"]


@pytest.fixture
def old_sign_in(user, member):
    """Make the member's sign-in too old for sensitive changes."""
    hour_ago = timezone.now() - timedelta(minutes=60)
    user.sessions.update(created_at=hour_ago, authenticated_at=hour_ago)


def sign_in_as(user: User) -> Client:
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture
def superuser(db):
    return sign_in_as(User.objects.create_superuser("root@example.com", "securepassword123"))


@pytest.fixture
def staff(db):
    """Sign in as a staff member with these permissions on users."""

    def staff(*permissions: str) -> Client:
        person = User.objects.create_user("staff@example.com", "securepassword123", is_staff=True)
        person.user_permissions.set(
            Permission.objects.filter(codename__in=[f"{name}_user" for name in permissions])
        )
        return sign_in_as(person)

    return staff


@pytest.fixture
def person(live_server, tmp_path):
    """Give a person a browser with this preferred language."""
    from accounts.tests.browser import Person  # noqa: PLC0415 (few tests need Selenium)

    people = []

    def person(language: str = "en") -> Person:
        people.append(Person(live_server.url, tmp_path / language, language))
        return people[-1]

    yield person
    for one in people:
        one.browser.quit()


@pytest.fixture
def race(transactional_db):
    """Call functions at the same instant, a thread each, and return their results."""

    def race(*functions: Callable[[], Any]) -> list[Any]:
        line = Barrier(len(functions))

        def run(function: Callable[[], Any]) -> Any:
            try:
                line.wait()
                return function()
            finally:
                connection.close()

        with ThreadPoolExecutor(len(functions)) as threads:
            return list(threads.map(run, functions))

    return race


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup):
    yield
    # To drop the tests' database may wait for a checkpoint, longer than a statement may take.
    if connection.vendor == "postgresql":
        options = connection.settings_dict["OPTIONS"]
        options["options"] += " -c statement_timeout=0"
        options["answer_timeout"] = 0


def pytest_runtest_setup(item):
    if item.get_closest_marker("postgresql") and connection.vendor != "postgresql":
        pytest.skip("PostgreSQL only: set DATABASE_URL=postgres://… or run `make test-postgresql`")
    if item.get_closest_marker("once") and connection.vendor == "postgresql":
        pytest.skip("The same on SQLite: `make test` runs it")


def postgresql_url(name: str) -> str:
    """Return the URL of a database on the tests' server."""
    database = connection.settings_dict
    place = f"{database['HOST']}:{database['PORT'] or 5432}/{name}"
    return f"postgres://{database['USER']}:{database['PASSWORD']}@{place}"


class Node:
    """A server process, by default on the test's database; ``send`` returns status and body."""

    config = "python:lazyrabbit.gunicorn"

    def __init__(self, **environment: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = {
            "PATH": os.environ["PATH"],
            "PORT": str(self.port),
            "SECRET_KEY": settings.SECRET_KEY,
            "HASHING_WAIT_SECONDS": "300",
            "TRUSTED_PROXIES": "127.0.0.0/8",
            "PYTHON_DOTENV_DISABLED": "1",
            "DATABASE_URL": postgresql_url(connection.settings_dict["NAME"]),
            **environment,
        }
        command = [sys.executable, "-m", "gunicorn", "-c", self.config]
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        self.wait()

    def wait(self) -> None:
        for _ in range(200):
            with suppress(OSError):
                return socket.create_connection(("127.0.0.1", self.port)).close()
            time.sleep(0.05)
        raise AssertionError("the node did not start")

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        return self.send("POST", path, body)

    def send(
        self, method: str, path: str, body: Any = None, token: str = "", **headers: str
    ) -> tuple[int, Any]:
        headers |= {"Content-Type": "application/json", "X-Forwarded-Proto": "https"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        content = None if body is None else json.dumps(body)
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as server:
            server.request(method, path, content, headers)
            answer = server.getresponse()
            answered = answer.read()
            return answer.status, json.loads(answered) if answered else None

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


@pytest.fixture
def start_node(transactional_db):
    """Start server processes on the database of the test, with these settings."""
    nodes: list[Node] = []

    def start_node(**environment: str) -> Node:
        nodes.append(Node(**environment))
        return nodes[-1]

    yield start_node
    for node in nodes:
        node.stop()


@pytest.fixture
def nodes(start_node):
    return [start_node(), start_node()]


@pytest.fixture
def deliver(db, monkeypatch):
    """Send every mail that is due, and return all that were sent."""
    # The worker would close the connection of the test, which is in a transaction.
    monkeypatch.setattr(db_worker, "close_old_connections", lambda: None)

    def deliver() -> list[Any]:
        Sender().run()
        return mail.outbox

    return deliver
