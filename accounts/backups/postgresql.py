"""Back up and restore PostgreSQL with its own tools, while other processes use the database."""

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
# The dump qualifies every name with its schema, and sets its own limits after these.
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
    """Return the arguments and the environment of a tool that connects to the database."""
    # The password is in the environment: all users of the machine can read the arguments.
    parameters = ["--no-password", *options]
    arguments, own = DatabaseClient.settings_to_cmd_args_env(database, parameters)
    return {"args": [find(tool), *arguments[1:]], "env": {**os.environ, **(own or {})}}


def run(**process: Any) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end. Raises BackupError with its messages if it fails."""
    result = subprocess.run(
        **process, stderr=subprocess.PIPE, text=True, errors="replace", check=False
    )
    if result.returncode:
        raise failure(result.stderr, result.returncode)
    return result


def failure(output: str, status: int) -> BackupError:
    """Return an error with the tool's messages in one line."""
    # Only lines with these beginnings: the others may quote a row.
    lines = [line for line in output.splitlines() if line.startswith(("pg_", "psql", "ERROR"))]
    return BackupError("; ".join(lines) or f"A tool of PostgreSQL failed with status {status}.")


def dump(database: dict[str, Any], part: Path) -> None:
    """Dump the database as of one instant, without blocking writers."""
    # Without the admin's sessions, whose keys are the only secrets stored in plain text: a stolen
    # backup must give no access.
    options = ["--format=custom", "--exclude-table-data=django_session", f"--file={part}"]
    run(**connected("pg_dump", database, *options))


def check(file: Path) -> None:
    """Read the whole file. Raises BackupError unless it is an intact dump of this service."""
    tool = find("pg_restore")
    contents = run(args=[tool, "--list", file], stdout=subprocess.PIPE)
    if not HOLDS_ACCOUNTS.search(contents.stdout):
        raise BackupError(f"{file} holds no accounts.")
    run(args=[tool, "--file=/dev/null", file])


def restore(database: dict[str, Any], file: Path, statements: list[str]) -> None:
    """Replace the tables of the database by those of the file, and run the statements."""
    # All in one transaction, so that a running server sees either the old tables or the new ones.
    # pg_restore alone would commit before the statements. So it only writes the script, and psql
    # runs that between BEGIN and COMMIT; without the latter nothing is committed.
    #
    # Tables of a newer version, which the file lacks, are dropped too: otherwise its migrations
    # would find them. Extensions stay: only their owners can drop them, and none is ours.
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
    """Pipe the reader's output into the writer, and ``after`` only if the reader succeeds.

    Raises BackupError with the messages of both.
    """
    with TemporaryFile("w+", errors="replace") as output:
        into: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
        is_whole = False
        with subprocess.Popen(**writer, **into, stderr=output, text=True) as running:
            entry: Any = running.stdin
            with suppress(BrokenPipeError), entry:  # The writer failed; its messages say why.
                entry.write(before)
                entry.flush()
                written = subprocess.run(**reader, stdout=entry, stderr=output, check=False)
                is_whole = written.returncode == 0
                entry.write(after if is_whole else "")
        if running.returncode or not is_whole:
            output.seek(0)
            raise failure(output.read(), running.returncode)
