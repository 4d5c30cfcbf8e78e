"""Django's command, except that of several at once one works and the others wait."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.core.files import locks
from django.core.management.commands import migrate
from django.db import connections

PAUSE = 0.5  # Seconds between two attempts.
KEY = int.from_bytes(b"migrate", "big")  # PostgreSQL keeps such locks for each database.


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        lock = server_lock if connection.vendor == "postgresql" else folder_lock
        with lock(connection) as take:
            if not take():
                self.stdout.write("Another process is migrating this database: waiting for it.")
                self.stdout.flush()
                while not take():
                    time.sleep(PAUSE)
            super().handle(*args, **options)


@contextmanager
def server_lock(connection: Any) -> Iterator[Callable[[], bool]]:
    """Return what tries to take the lock, which ends with a transaction of its own connection.

    Behind a pooler a session's lock would stay with a connection that serves others next.
    """
    own = connection.copy()
    own.set_autocommit(False)

    # To wait inside a statement would hold a snapshot, for whose end CREATE INDEX CONCURRENTLY
    # waits, in the process that has the lock.
    def take() -> bool:
        own.rollback()
        with own.cursor() as cursor:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [KEY])
            return bool(cursor.fetchone()[0])

    with closing(own):
        yield take


@contextmanager
def folder_lock(connection: Any) -> Iterator[Callable[[], bool]]:
    """Return what tries to lock the folder of SQLite's file, if it is one that can be locked."""
    folder = Path(connection.settings_dict["NAME"]).parent
    if connection.is_in_memory_db() or os.name != "posix" or not os.access(folder, os.R_OK):
        yield lambda: True
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield lambda: locks.lock(descriptor, locks.LOCK_EX | locks.LOCK_NB)
    finally:
        os.close(descriptor)
