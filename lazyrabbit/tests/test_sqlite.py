"""SQLite like an operator's: a file that several processes write to."""

import itertools
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

pytestmark = pytest.mark.once
ROOT = Path(__file__).parent.parent.parent
SIGN_UP = """
import json, os, sys
from concurrent.futures import ThreadPoolExecutor
import django
django.setup()
from django.conf import settings
from rest_framework.test import APIClient
from accounts.users.hashers import BcryptSHA256Hasher
settings.CONNECTIONS = 8  # The test client hands none over at the end of a request.
settings.ALLOWED_HOSTS.append("testserver")
BcryptSHA256Hasher.rounds = 4

def sign_up(email):
    body = {"email": email, "password": "testpassword123"}
    return APIClient().post("/api/v1/auth/signup", body).status_code

with ThreadPoolExecutor(int(sys.argv[1])) as threads:
    print(json.dumps(list(threads.map(sign_up, sys.argv[2:]))))
"""


@pytest.fixture
def environment(tmp_path):
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "lazyrabbit.settings",
        "DATABASE_URL": f"sqlite:///{tmp_path}/app.db",
        "PYTHON_DOTENV_DISABLED": "1",
        "SIGNUP_RATE_NETWORK": "1000/1m",
        # These tests are about the database: on a slow machine, some would be told 503.
        "HASHING_WAIT_SECONDS": "300",
    }
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return environment


def test_acknowledged_writes_survive_a_power_cut_and_writers_wait_for_each_other(environment):
    script = (
        "import django; django.setup(); from django.db import connection, transaction;"
        "cursor = connection.cursor();"
        "print([cursor.execute(f'PRAGMA {name}').fetchone()[0]"
        " for name in ('journal_mode', 'synchronous', 'foreign_keys', 'busy_timeout')],"
        " connection.transaction_mode)"
    )
    command = [sys.executable, "-c", script]
    printed = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )

    full, on = 2, 1
    assert printed.stdout.strip() == f"['wal', {full}, {on}, 5000] IMMEDIATE"


def permissions(folder: Path) -> dict[str, str]:
    """Return the permissions of the files in the folder, in octal."""
    return {path.name: f"{path.stat().st_mode & 0o777:o}" for path in folder.iterdir()}


def test_a_database_is_made_for_its_owner_alone(environment, tmp_path):
    assert permissions(tmp_path) == {"app.db": "600"}

    with closing(sqlite3.connect(tmp_path / "app.db")) as reader:  # Keeps the files beside it.
        reader.execute("SELECT * FROM users").fetchall()
        assert statuses(start(environment, 1, "ana@example.com")) == [201]
        assert permissions(tmp_path) == dict.fromkeys(["app.db", "app.db-wal", "app.db-shm"], "600")


def test_a_database_that_is_there_keeps_its_permissions(environment, tmp_path):
    (tmp_path / "app.db").chmod(0o640)

    assert statuses(start(environment, 1, "ana@example.com")) == [201]
    assert permissions(tmp_path)["app.db"] == "640"


def test_without_its_folder_there_is_one_clear_line(environment, tmp_path):
    shutil.rmtree(tmp_path)
    command = [sys.executable, "manage.py", "migrate"]
    told = subprocess.run(
        command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True
    )

    assert told.returncode == 1
    assert "unable to open database file" in told.stderr
    assert "Traceback" not in told.stderr


def start(environment: dict[str, str], threads: int, *emails: str) -> subprocess.Popen[str]:
    """Start a process that signs these people up in parallel and prints the statuses."""
    return subprocess.Popen(
        [sys.executable, "-c", SIGN_UP, str(threads), *emails],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def statuses(process: subprocess.Popen[str]) -> list[int]:
    return json.loads(process.communicate(timeout=120)[0])


def test_8_processes_sign_up_800_people_and_nothing_is_locked_or_lost(environment):
    processes = [
        start(environment, 1, *(f"p{process}-{person}@example.com" for person in range(100)))
        for process in range(8)
    ]

    assert [statuses(process) for process in processes] == [[201] * 100] * 8


def test_a_database_that_another_program_holds_is_a_503(environment, tmp_path):
    with closing(sqlite3.connect(tmp_path / "app.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        assert statuses(start(environment, 1, "late@example.com")) == [503]
        other.rollback()

    assert statuses(start(environment, 1, "late@example.com")) == [201]


def test_one_of_16_parallel_sign_ups_of_one_email_address_wins(environment):
    spellings = [
        "".join(
            letter.upper() if turn >> place & 1 else letter
            for place, letter in enumerate("race@example.com")
        )
        for turn in range(16)
    ]
    processes = [start(environment, 8, *spellings[:8]), start(environment, 8, *spellings[8:])]

    assert sorted(itertools.chain(*map(statuses, processes))) == [201] + [400] * 15
