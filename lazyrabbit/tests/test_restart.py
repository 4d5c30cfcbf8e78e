"""A server that systemd restarts while it holds the listening socket."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event

import pytest

from lazyrabbit.tests.conftest import PRODUCTION, ROOT


@pytest.fixture
def listener():
    """The socket that systemd would hold; it listens while the test runs."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        yield listener


@pytest.fixture
def notices(tmp_path):
    """The socket on which systemd learns that the service is ready."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        notices.bind(str(tmp_path / "notify"))
        notices.settimeout(30)
        yield notices


@pytest.fixture
def start(listener, notices, tmp_path):
    """Start a server on the socket as systemd does, and return once it says that it is ready."""
    started = []

    def start() -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.environ["PATH"],
            "PORT": str(listener.getsockname()[1]),
            **PRODUCTION,
            "PYTHON_DOTENV_DISABLED": "1",
            "DATABASE_URL": f"sqlite:///{tmp_path}/app.db",
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
        }
        # The third descriptor and the process's own number: sd_listen_fds(3).
        number = listener.fileno()
        shell = f'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3<&{number} {number}<&-'
        server = [sys.executable, "-m", "gunicorn", "-c", "python:lazyrabbit.gunicorn"]
        command = ["bash", "-c", shell, "bash", *server]
        started.append(subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[number]))
        assert notices.recv(1000).startswith(b"READY=1")
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        process.wait(timeout=30)


def ask(port: int) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as server:
        headers = {"Host": "accounts.example.com", "Connection": "close"}
        server.request("GET", "/api/health", headers=headers)
        return server.getresponse().status


def test_a_restart_loses_no_request(start, listener):
    statuses: list[int] = []
    enough = Event()

    def ask_on() -> None:
        while not enough.is_set():
            statuses.append(ask(listener.getsockname()[1]))

    def await_answers(count: int) -> None:
        give_up, target = time.monotonic() + 60, len(statuses) + count
        while len(statuses) < target:
            assert time.monotonic() < give_up
            time.sleep(0.05)

    process = start()
    with ThreadPoolExecutor(8) as people:
        asking = [people.submit(ask_on) for _ in range(8)]
        try:
            await_answers(50)
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)
            start()
            await_answers(50)
        finally:
            enough.set()
        for person in asking:
            person.result()

    assert set(statuses) == {200}


def test_without_a_server_a_request_waits_for_the_next_one(start, listener):
    port = listener.getsockname()[1]
    with ThreadPoolExecutor(1) as person:
        answer = person.submit(ask, port)
        time.sleep(0.5)
        assert not answer.done()
        start()

        assert answer.result() == 200
