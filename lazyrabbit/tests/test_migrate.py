"""Migrate a database: one process at a time, and only a database in UTF-8."""

import os
import secrets
import subprocess
import sys
from contextlib import closing

import psycopg
import pytest

from accounts.conftest import postgresql_url
from accounts.management.commands.migrate import KEY
from lazyrabbit.tests.conftest import KEPT, ROOT

# Migrations go past a pooler.
DIRECT = [pytest.mark.postgresql, pytest.mark.direct]
COUNT = """
from django.db import connection
cursor = connection.cursor()
cursor.execute("SELECT app, name FROM django_migrations")
rows = cursor.fetchall()
print(len(rows), len(set(rows)))
"""


def start(url: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a command of manage.py on a database."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**kept, "PYTHON_DOTENV_DISABLED": "1", "DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(url: str, *arguments: str) -> tuple[int, str, str]:
    process = start(url, *arguments)
    printed, said = process.communicate(timeout=120)
    return process.returncode, printed, said


@pytest.fixture
def create():
    """Create an empty database on the tests' PostgreSQL and return its URL."""
    created = []
    with psycopg.connect(postgresql_url("postgres"), autocommit=True) as server:

        def create(how: str = "") -> str:
            created.append(f"test_migrate_{secrets.token_hex(4)}")
            server.execute(f"CREATE DATABASE {created[-1]} {how}")
            return postgresql_url(created[-1])

        yield create
        for name in created:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=DIRECT)])
def empty(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/app.db"
    return request.getfixturevalue("create")()


def test_three_simultaneous_migrations_succeed(empty):
    processes = [start(empty, "migrate", "--verbosity", "0") for _ in range(3)]
    ended = [process.communicate(timeout=240) for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0], ended
    assert [said for _, said in ended] == ["", "", ""]
    assert run(empty, "migrate", "--check")[0] == 0
    listed = run(empty, "shell", "--no-imports", "--command", COUNT)[1].split()
    assert int(listed[0]) == int(listed[1]) > 20


@pytest.mark.postgresql
@pytest.mark.direct
def test_a_waiting_migration_says_so_and_continues_in_its_turn(create):
    url = create()
    with psycopg.connect(url) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [KEY])
        waiting = start(url, "migrate", "--verbosity", "0")
        with closing(waiting.stdout):
            assert "Another process is migrating" in waiting.stdout.readline()
            tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
            assert other.execute(tables).fetchone() == (0,)
            other.rollback()
            assert waiting.wait(timeout=120) == 0, waiting.stderr.read()
            waiting.stderr.close()
        assert other.execute(tables).fetchone() > (10,)


@pytest.mark.postgresql
@pytest.mark.direct
@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_is_not_in_utf_8_is_refused(create, encoding):
    url = create(f"ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")

    status, printed, said = run(url, "migrate")

    sentence = f"The database is encoded in {encoding} instead of UTF8: make another one by"
    assert (status, printed) == (1, "")
    assert sentence in said
    assert "Traceback" not in said
    with psycopg.connect(url) as database:
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert database.execute(tables).fetchone() == (0,)
    status, printed, _ = run(url, "doctor", "--no-color")
    assert status == 1
    assert f"WRONG {sentence}" in printed
