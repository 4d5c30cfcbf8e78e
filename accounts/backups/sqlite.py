"""Back up and restore SQLite by its own means, while other processes use the database."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from accounts.backups.files import BackupError

SUFFIX = ".sqlite3"
TIMEOUT = 5  # Seconds to wait for another process that writes.


def name(database: dict[str, Any]) -> str:
    return f"the file {database['NAME']}"


@contextmanager
def opened(file: Path, mode: str) -> Iterator[sqlite3.Connection]:
    """Open a database in a mode of SQLite: ``ro``, ``rw``, or ``rwc`` to create it too."""
    uri = f"{file.absolute().as_uri()}?mode={mode}"
    try:
        with closing(
            sqlite3.connect(uri, uri=True, timeout=TIMEOUT, isolation_level=None)
        ) as database:
            yield database
    except sqlite3.Error as error:
        raise BackupError(f"{file}: {error}.") from error


def dump(database: dict[str, Any], part: Path) -> None:
    """Copy the database as of one instant, without blocking writers."""
    file = Path(database["NAME"])
    with opened(file, "rw") as live:
        require_accounts(live, file)
        live.execute("VACUUM INTO ?", [str(part)])
    # Delete the admin's sessions, whose keys are the only secrets stored in plain text: a stolen
    # backup must give no access. secure_delete overwrites the deleted rows.
    with opened(part, "rw") as copy:
        copy.execute("PRAGMA journal_mode = OFF")
        copy.execute("PRAGMA secure_delete = ON")
        copy.execute("DELETE FROM django_session")


def require_accounts(database: sqlite3.Connection, file: Path) -> None:
    if not database.execute("SELECT 1 FROM sqlite_schema WHERE name = 'users'").fetchone():
        raise BackupError(f"{file} holds no accounts.")


def check(file: Path) -> None:
    """Read the whole file. Raises BackupError unless it is an intact database of this service."""
    with opened(file, "ro") as backup:
        (answer,) = backup.execute("PRAGMA integrity_check(1)").fetchone()
        if answer != "ok":
            raise BackupError(f"{file} is damaged: {' '.join(answer.split())}.")
        require_accounts(backup, file)


def restore(database: dict[str, Any], file: Path, statements: list[str]) -> None:
    """Replace the database by that of the file, and run the statements."""
    # The statements change a copy. Then one transaction writes the copy over the database, so that
    # a running server sees either the old one or the new one, and a power cut leaves one of them.
    check(file)
    live = Path(database["NAME"])
    with suppress(FileExistsError):
        live.touch(0o600, exist_ok=False)  # SQLite would let everyone read the new file.
    with TemporaryDirectory(prefix=".restoring-", dir=live.parent) as folder:
        copy = Path(folder, "copy.sqlite3")
        with opened(file, "ro") as backup, opened(copy, "rwc") as restored:
            backup.backup(restored)
            restored.executescript(";\n".join(["BEGIN", *statements, "COMMIT;"]))
        with opened(copy, "ro") as restored, opened(live, "rwc") as replaced:
            restored.backup(replaced, progress=give_up)
            with suppress(sqlite3.Error):  # The restore is complete; this only shortens the WAL.
                replaced.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def give_up(status: int, *_: int) -> None:
    """Raise BackupError if the database is locked."""
    # After TIMEOUT; Python would try for ever.
    if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        raise BackupError("Another program holds a transaction open on the database: close it.")
