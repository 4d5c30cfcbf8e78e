"""Fixtures of the project's own tests: a server like an operator's."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from django.db import connection

from accounts.conftest import *  # noqa: F403 (its fixtures serve here too)

ROOT = Path(__file__).parent.parent.parent
PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": secrets.token_hex(16),
    "ALLOWED_HOSTS": "accounts.example.com",
    "EMAIL_URL": "smtp://127.0.0.1:2525",
    "EMAIL_FROM": "Accounts <accounts@example.com>",
}
KEPT = {"PATH", "COVERAGE_PROCESS_CONFIG"}  # All that the processes see of ours.


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def start(port, tmp_path):
    """Start a server on the port and return its process; it is stopped after the test.

    It has SQLite whatever the tests run on, so where they run on PostgreSQL it is left out.
    """
    if connection.vendor == "postgresql":
        pytest.skip("The same on SQLite: `make test` runs it")
    started = []

    def start(**environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "gunicorn", "-c", "python:lazyrabbit.gunicorn"]
        environment = {
            **{name: value for name, value in os.environ.items() if name in KEPT},
            "PORT": str(port),
            "PYTHON_DOTENV_DISABLED": "1",
            "DATABASE_URL": f"sqlite:///{tmp_path}/app.db",
            **environment,
        }
        started.append(
            subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:  # A worker forked just now has not heard of it.
            process.kill()
            process.communicate(timeout=10)


class Server:
    """A production server with two workers, behind a proxy."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.origin = process, f"http://127.0.0.1:{port}"

    def ask(self, path: str, body=None, **headers: str) -> tuple[int, str]:
        headers |= {"Host": "accounts.example.com", "X-Forwarded-Proto": "https"}
        headers["Content-Type"] = "application/json"
        data = json.dumps(body).encode() if body else None
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with urlopen(Request(self.origin + path, data, headers), timeout=20) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as answer:
            with answer:
                return answer.code, answer.read().decode()

    def ask_by_address(self, path: str, host: str, **headers: str) -> tuple[int, bytes]:
        """Send a request over plain HTTP and past the proxy, like Prometheus and load balancers."""
        with closing(HTTPConnection(self.origin.removeprefix("http://"), timeout=20)) as node:
            node.request("GET", path, headers=headers | {"Host": host})
            answer = node.getresponse()
            return answer.status, answer.read()

    def lines(self) -> list[dict]:
        """Stop the server and return its log."""
        self.process.send_signal(signal.SIGINT)
        printed, _ = self.process.communicate(timeout=30)
        return [json.loads(line) for line in printed.splitlines()]


@pytest.fixture
def serve(start, port, tmp_path):
    def serve(**environment: str) -> Server:
        environment = {**PRODUCTION, "TRUSTED_PROXIES": "127.0.0.0/8", **environment}
        environment["DATABASE_URL"] = f"sqlite:///{tmp_path}/app.db"
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        server = Server(start(**environment), port)
        for _ in range(200):
            with suppress(OSError):
                server.ask("/api/health")
                return server
            time.sleep(0.05)
        raise AssertionError("the server did not start")

    return serve
