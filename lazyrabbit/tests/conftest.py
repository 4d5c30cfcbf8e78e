"""Fixtures of the project's own tests: a server as an operator has it."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from accounts.conftest import *  # noqa: F403 (its fixtures serve here too)

ROOT = Path(__file__).parent.parent.parent
KEPT = {"PATH", "COVERAGE_PROCESS_CONFIG"}  # All that the processes see of ours.


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def start(port, tmp_path):
    """Start a server on the port and return its process; it is stopped after the test."""
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
