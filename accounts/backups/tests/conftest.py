"""Separate databases like an operator's, and commands in separate processes."""

import os
import resource
import secrets
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from django.db import connection

from accounts.conftest import Node, postgresql_url

ROOT = Path(__file__).parent.parent.parent.parent
KEPT = {"PATH", "COVERAGE_PROCESS_CONFIG"}  # All that the processes see of ours.
PASSWORD = "securepassword123"
# Two signed-in people, each with a link in a queued mail, and one in the admin.
PEOPLE = f"""
import django
django.setup()
from django.test import Client as Browser
from accounts.auth import flows
from accounts.actors.actor import Actor
from accounts.users.hashers import BcryptSHA256Hasher
from accounts.users.models import User
BcryptSHA256Hasher.rounds = 4
for email in ("ana@example.com", "ben@example.com"):
    flows.signup(email, "{PASSWORD}", "Ñandú ' \\\\ {{}}", actor=Actor())
    flows.signin(email, "{PASSWORD}", actor=Actor())
Browser().force_login(User.objects.create_superuser("root@example.com", "{PASSWORD}"))
"""


class Place:
    """A separate database, empty at first."""

    def __init__(self, url: str) -> None:
        self.environment = {
            **{name: value for name, value in os.environ.items() if name in KEPT},
            "DJANGO_SETTINGS_MODULE": "lazyrabbit.settings",
            "DATABASE_URL": url,
            "PYTHON_DOTENV_DISABLED": "1",
        }

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        options["env"] = self.environment | options.get("env", {})
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        return subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, text=True, **pipes, **options
        )

    def run(self, *arguments: str, answer: str = "", **options: Any) -> tuple[int, str, str]:
        """Run a command of manage.py and return its status, standard output and errors."""
        return self.end(self.start("manage.py", *arguments, **options), answer)

    def end(self, process: subprocess.Popen[str], answer: str = "") -> tuple[int, str, str]:
        printed, said = process.communicate(answer, timeout=120)
        said = "".join(line for line in said.splitlines(True) if " INFO " not in line)
        return process.returncode, printed, said

    def back_up(self, folder: Path) -> Path:
        status, printed, said = self.run("backup", str(folder))
        assert (status, said) == (0, "")
        return Path(printed.rpartition(" (")[0])

    def restore(self, file: Path) -> None:
        status, _, said = self.run("restore", "--yes", str(file))
        assert (status, said) == (0, "")

    def fill(self) -> None:
        assert self.run("migrate", "--verbosity", "0")[0] == 0
        status, _, said = self.end(self.start("-c", PEOPLE))
        assert status == 0, said

    def rows(self) -> dict[str, list[Any]]:
        """Return every row of every table."""
        return {
            table: sorted(self.execute(f"SELECT * FROM {table}"), key=repr)  # noqa: S608 (ours)
            for (table,) in self.execute(self.tables)
        }

    def column(self, statement: str) -> list[Any]:
        return [value for (value,) in self.execute(statement)]


class SQLite(Place):
    tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    suffix = ".sqlite3"

    def __init__(self, folder: Path) -> None:
        self.file = folder / f"{secrets.token_hex(4)}.db"
        super().__init__(f"sqlite:///{self.file}")

    def execute(self, statement: str) -> list[Any]:
        with closing(sqlite3.connect(self.file, timeout=5)) as database, database:
            return database.execute(statement).fetchall()

    def lose(self) -> None:
        for file in self.file.parent.glob(f"{self.file.name}*"):
            file.unlink()

    def close(self) -> None:
        """Each test has its own folder."""


class PostgreSQL(Place):
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    suffix = ".dump"

    def __init__(self, folder: Path) -> None:
        self.name = f"test_backups_{secrets.token_hex(4)}"
        self.url = postgresql_url(self.name)
        super().__init__(self.url)
        self.order("CREATE DATABASE {}")

    def order(self, statement: str) -> None:
        with psycopg.connect(postgresql_url("postgres"), autocommit=True) as server:
            server.execute(statement.format(self.name))

    def execute(self, statement: str) -> list[Any]:
        with psycopg.connect(self.url) as database:
            cursor = database.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def lose(self) -> None:
        self.close()
        self.order("CREATE DATABASE {}")

    def close(self) -> None:
        self.order("DROP DATABASE {} WITH (FORCE)")


def new_place(folder: Path) -> Any:
    return {"sqlite": SQLite, "postgresql": PostgreSQL}[connection.vendor](folder)


@pytest.fixture
def make_place(tmp_path):
    """Make empty databases of the kind the tests run on."""
    made: list[Any] = []

    def make_place() -> Any:
        made.append(new_place(tmp_path))
        return made[-1]

    yield make_place
    for place in made:
        place.close()


@pytest.fixture
def place(make_place):
    return make_place()


@pytest.fixture
def full_disk(place):
    """Return a function that limits the files of a process to some kilobytes."""
    place.environment.pop("COVERAGE_PROCESS_CONFIG", None)  # That writes a file as well.
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))


class Snapshot(NamedTuple):
    """A backup and the content of its database."""

    file: Path
    rows: dict[str, list[Any]]


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory):
    folder = tmp_path_factory.mktemp("snapshot")
    place = new_place(folder)
    place.fill()
    rows = place.rows()  # That the backup was made is recorded after it.
    yield Snapshot(place.back_up(folder / "backups"), rows)
    place.close()


@pytest.fixture
def serve(tmp_path):
    """Start servers on a place; they write their mails to the folder ``mails``."""
    nodes: list[Node] = []

    def serve(place: Place) -> Node:
        mails = {"EMAIL_URL": f"file://{tmp_path}/mails"}
        nodes.append(Node(DATABASE_URL=place.environment["DATABASE_URL"], **mails))
        return nodes[-1]

    yield serve
    for node in nodes:
        node.stop()
