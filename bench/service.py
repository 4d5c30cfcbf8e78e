"""A service of its own to measure: its database, its server, its users."""

import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

ROOT = Path(__file__).parent.parent
GUNICORN = [sys.executable, "-m", "gunicorn", "--log-level", "error"]
JSON = {"Content-Type": "application/json", "X-Forwarded-Proto": "https"}  # As from a proxy.
PASSWORD = "correct horse battery staple"  # noqa: S105 (of users who live for a minute)
KEPT = ("PATH", "HASHING_WAIT_SECONDS")
LIMITS = (
    "SIGNIN_RATE_ACCOUNT_NETWORK",
    "SIGNIN_RATE_ACCOUNT",
    "PASSWORD_RATE_ACCOUNT",
    "REAUTHENTICATION_RATE_ACCOUNT",
    "SIGNIN_RATE_NETWORK",
    "SIGNUP_RATE_NETWORK",
    "CHANGE_RATE_ACCOUNT",
    "MAIL_RATE_NETWORK",
    "MAIL_RATE_ACCOUNT",
)


def environment(database_url: str) -> dict[str, str]:
    """Return the settings of production, without limits, since all requests have one address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return {
        **{name: os.environ[name] for name in KEPT if name in os.environ},
        **dict.fromkeys(LIMITS, "1000000/1m"),
        "ENVIRONMENT": "production",
        "EMAIL_URL": "smtp://127.0.0.1",
        "EMAIL_FROM": "accounts@example.com",
        "ALLOWED_HOSTS": "127.0.0.1",
        "TRUSTED_PROXIES": "127.0.0.0/8",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "DATABASE_URL": database_url,
        "PORT": str(port),
    }


@contextmanager
def database() -> Iterator[str]:
    """Yield the address of an empty database: on the PostgreSQL of DATABASE_URL, or SQLite."""
    given = os.environ.get("DATABASE_URL", "")
    if not given.startswith("postgres"):
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/bench.db"
        return
    import psycopg  # noqa: PLC0415 (SQLite needs none)

    name = f"bench_{secrets.token_hex(4)}"
    with psycopg.connect(given, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield urlunsplit(urlsplit(given)._replace(path=f"/{name}"))
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


class Service:
    """A running server on 127.0.0.1."""

    def __init__(self, port: int, pid: int) -> None:
        self.port, self.pid = port, pid
        self.started_in = 0.0  # Seconds until its first answer.

    def request(
        self, method: str, path: str, body: Any = None, token: str = "", address: str = ""
    ) -> tuple[int, bytes, float]:
        """Return the status, the body, and after how many seconds to come back."""
        headers = {**JSON, **({"Authorization": f"Bearer {token}"} if token else {})}
        if address:
            headers["X-Forwarded-For"] = address
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as server:
            server.request(method, path, json.dumps(body) if body else None, headers)
            answer = server.getresponse()
            wait = float(answer.headers.get("Retry-After", 0))
            return answer.status, answer.read(), wait

    def call(
        self, method: str, path: str, body: Any = None, token: str = "", address: str = ""
    ) -> tuple[int, Any, float]:
        """Do the same with a path under our API, and return the body read as JSON."""
        status, content, wait = self.request(method, f"/api/v1{path}", body, token, address)
        return status, json.loads(content) if content else None, wait

    def sign_in(
        self, email: str, password: str = PASSWORD, address: str = ""
    ) -> tuple[int, Any, float]:
        body = {"email": email, "password": password}
        return self.call("POST", "/auth/signin", body, address=address)


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[Service]:
    """Run a server that listens on the port of its environment, until it has answered and on."""
    started = time.monotonic()
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, env=environment, stdout=nowhere, stderr=nowhere
    )
    try:
        service = Service(int(environment["PORT"]), process.pid)
        wait_for(service)
        service.started_in = time.monotonic() - started
        yield service
    finally:
        process.terminate()
        process.wait(timeout=60)


def serving(environment: dict[str, str]) -> AbstractContextManager[Service]:
    return running([*GUNICORN, "-c", "python:lazyrabbit.gunicorn"], environment)


def wait_for(service: Service) -> None:
    for _ in range(12_000):  # Under Valgrind a start takes more than a minute.
        with suppress(OSError, http.client.HTTPException):
            if service.request("GET", "/api/health")[0] == 200:
                return
        time.sleep(0.01)
    raise SystemExit("The server did not start.")


def manage(environment: dict[str, str], *arguments: str, timeout: float = 300) -> str:
    """Run a command of the project for so many seconds at most, and return what it prints."""
    return python(environment, "manage.py", *arguments, timeout=timeout)


def python(environment: dict[str, str], *arguments: str, timeout: float) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(  # noqa: S603
        command, cwd=ROOT, env=environment, check=True, timeout=timeout, stdout=subprocess.PIPE
    )
    return done.stdout.decode()


def make_users(environment: dict[str, str], number: int) -> list[str]:
    """Create users who all have the same password and hash, and return their addresses."""
    manage(environment, "migrate", "--verbosity", "0")
    emails = [f"user{n}@example.com" for n in range(number)]
    manage(
        environment,
        "shell",
        "--verbosity",
        "0",
        "--command",
        "from django.contrib.auth.hashers import make_password\n"
        "from accounts.users.models import User\n"
        f"password = make_password({PASSWORD!r})\n"
        f"User.objects.bulk_create(User(email=e, password=password) for e in {emails!r})",
    )
    return emails
