"""A SQLite database, by what SQLite itself has for backups; other processes may be using it."""

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
    """Open a database in a mode of SQLite's: ``ro``, ``rw``, or ``rwc`` to make it too."""
    address = f"{file.absolute().as_uri()}?mode={mode}"
    try:
        with closing(
            sqlite3.connect(address, uri=True, timeout=TIMEOUT, isolation_level=None)
        ) as database:
            yield database
    except sqlite3.Error as error:
        raise BackupError(f"{file}: {error}.") from error


def dump(database: dict[str, Any], part: Path) -> None:
    """Write the database as it is at one instant; nobody who writes meanwhile has to wait.

    Without the admin's cookies, the only secrets that are stored as they are: a stolen backup
    must open nothing. What is deleted is overwritten.
    """
    file = Path(database["NAME"])
    with opened(file, "rw") as live:
        require_accounts(live, file)
        live.execute("VACUUM INTO ?", [str(part)])
    with opened(part, "rw") as copy:
        copy.execute("PRAGMA journal_mode = OFF")
        copy.execute("PRAGMA secure_delete = ON")
        copy.execute("DELETE FROM django_session")


def require_accounts(database: sqlite3.Connection, file: Path) -> None:
    if not database.execute("SELECT 1 FROM sqlite_schema WHERE name = 'users'").fetchone():
        raise BackupError(f"{file} holds no accounts.")


def check(file: Path) -> None:
    """Read the whole file. Raises BackupError unless it is a sound database of this service."""
    with opened(file, "ro") as backup:
        (answer,) = backup.execute("PRAGMA integrity_check(1)").fetchone()
        if answer != "ok":
            raise BackupError(f"{file} is damaged: {' '.join(answer.split())}.")
        require_accounts(backup, file)


def restore(database: dict[str, Any], file: Path, statements: list[str]) -> None:
    """Replace the database by that of the file, as these statements change it.

    They change a copy. Then one transaction writes that over the database, so a server that is
    running sees the old one or the new one, and after a power cut it is one of the two.
    """
    check(file)
    live = Path(database["NAME"])
    with suppress(FileExistsError):
        live.touch(0o600, exist_ok=False)  # By SQLite it would be made readable by everybody.
    with TemporaryDirectory(prefix=".restoring-", dir=live.parent) as folder:
        copy = Path(folder, "copy.sqlite3")
        with opened(file, "ro") as backup, opened(copy, "rwc") as restored:
            backup.backup(restored)
            restored.executescript(";\n".join(["BEGIN", *statements, "COMMIT;"]))
        with opened(copy, "ro") as restored, opened(live, "rwc") as replaced:
            restored.backup(replaced, progress=give_up)
            with suppress(sqlite3.Error):  # It is restored by now; this only shortens the WAL.
                replaced.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def give_up(status: int, *_: int) -> None:
    """Stop where Python would try for ever; the five seconds are over."""
    if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        raise BackupError("Another program holds a transaction open on the database: close it.")
