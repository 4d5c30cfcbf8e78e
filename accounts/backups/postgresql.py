"""A PostgreSQL database, by pg_dump, pg_restore and psql; other processes may be using it."""

import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from django.db import connection
from django.db.backends.postgresql.client import DatabaseClient
from django.db.migrations.recorder import MigrationRecorder

from accounts.backups.files import BackupError

SUFFIX = ".dump"
MIGRATIONS = MigrationRecorder.Migration._meta.db_table
HOLDS_ACCOUNTS = re.compile(r" TABLE DATA public users ")
# The dump names everything with its schema, and sets its own limits after these.
BEGIN = """
    SET client_min_messages = error;
    SET statement_timeout = 0;
    SET lock_timeout = '30s';
    BEGIN;
    DROP TABLE IF EXISTS {tables} CASCADE;
"""
COMMIT = """
    RESET search_path;
    {statements};
    ANALYZE;
    COMMIT;
"""


def name(database: dict[str, Any]) -> str:
    place = f"{database['HOST'] or 'this machine'}:{database['PORT'] or 5432}"
    return f"the database {database['NAME']} at {place}"


def find(tool: str) -> str:
    path = shutil.which(tool)
    if path is None:
        raise BackupError(f"{tool} is needed (on Debian: apt install postgresql-client).")
    return path


def connected(tool: str, database: dict[str, Any], *options: str) -> dict[str, Any]:
    """Return how to start a tool that connects: its arguments and its environment.

    The password is in the environment: everybody on the machine can read the arguments.
    """
    parameters = ["--no-password", *options]
    arguments, own = DatabaseClient.settings_to_cmd_args_env(database, parameters)
    return {"args": [find(tool), *arguments[1:]], "env": {**os.environ, **(own or {})}}


def run(**process: Any) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end. Raises BackupError if it fails, with what it said."""
    result = subprocess.run(
        **process, stderr=subprocess.PIPE, text=True, errors="replace", check=False
    )
    if result.returncode:
        raise failure(result.stderr, result.returncode)
    return result


def failure(said: str, status: int) -> BackupError:
    """Return in one line what went wrong; what a tool adds in further lines may quote a row."""
    lines = [line for line in said.splitlines() if line.startswith(("pg_", "psql", "ERROR"))]
    return BackupError("; ".join(lines) or f"A tool of PostgreSQL failed with status {status}.")


def dump(database: dict[str, Any], part: Path) -> None:
    """Write the database as it is at one instant; nobody who writes meanwhile has to wait.

    Without the admin's cookies, the only secrets that are stored as they are: a stolen backup
    must open nothing.
    """
    options = ["--format=custom", "--exclude-table-data=django_session", f"--file={part}"]
    run(**connected("pg_dump", database, *options))


def check(file: Path) -> None:
    """Read the whole file. Raises BackupError unless it is a sound dump of this service."""
    tool = find("pg_restore")
    contents = run(args=[tool, "--list", file], stdout=subprocess.PIPE)
    if not HOLDS_ACCOUNTS.search(contents.stdout):
        raise BackupError(f"{file} holds no accounts.")
    run(args=[tool, "--file=/dev/null", file])


def restore(database: dict[str, Any], file: Path, statements: list[str]) -> None:
    """Replace the tables of the database by those of the file, as these statements change them.

    One transaction does it all, so a server that is running sees the old ones or the new ones.
    pg_restore alone would commit before the statements: so it only writes the script, and psql
    runs it between a beginning and an end of ours. Without that end nothing is committed.

    A newer version's tables, which are not in the file, go too, or its migrations would meet them.
    Extensions stay: only their owners could drop them, and there is none of ours.
    """
    check(file)
    tables = [*connection.introspection.django_table_names(), MIGRATIONS]
    options = ["--clean", "--if-exists", "--no-owner", "--schema=public", "--file=-"]
    psql = connected("psql", database, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1")
    pipe(
        {"args": [find("pg_restore"), *options, file]},
        psql,
        BEGIN.format(tables=", ".join(map(connection.ops.quote_name, tables))),
        COMMIT.format(statements=";\n".join(statements)),
    )


def pipe(reader: dict[str, Any], writer: dict[str, Any], before: str, after: str) -> None:
    """Let a tool run what another one writes, and ``after`` only if that has written it all.

    Raises BackupError with what both said.
    """
    with TemporaryFile("w+", errors="replace") as said:
        into: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
        is_whole = False
        with subprocess.Popen(**writer, **into, stderr=said, text=True) as running:
            entry: Any = running.stdin
            with suppress(BrokenPipeError), entry:  # It gave up, and said why.
                entry.write(before)
                entry.flush()
                written = subprocess.run(**reader, stdout=entry, stderr=said, check=False)
                is_whole = written.returncode == 0
                entry.write(after if is_whole else "")
        if running.returncode or not is_whole:
            said.seek(0)
            raise failure(said.read(), running.returncode)
