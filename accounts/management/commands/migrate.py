"""Like Django's command, but of several at once one migrates and the others wait."""

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
        with lock(connection) as try_lock:
            if not try_lock():
                self.stdout.write("Another process is migrating this database: waiting for it.")
                self.stdout.flush()
                while not try_lock():
                    time.sleep(PAUSE)
            super().handle(*args, **options)


@contextmanager
def server_lock(connection: Any) -> Iterator[Callable[[], bool]]:
    """Yield a function that tries to lock the database, by a transaction of another connection."""
    # Behind a pooler, the lock of a session would stay with a connection that serves others next.
    own = connection.copy()
    own.set_autocommit(False)

    # A statement that waits for the lock would hold a snapshot, and CREATE INDEX CONCURRENTLY in
    # the process with the lock waits for the end of every snapshot.
    def try_lock() -> bool:
        own.rollback()
        with own.cursor() as cursor:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [KEY])
            return bool(cursor.fetchone()[0])

    with closing(own):
        yield try_lock


@contextmanager
def folder_lock(connection: Any) -> Iterator[Callable[[], bool]]:
    """Yield a function that tries to lock the folder of SQLite's file, where that is possible."""
    folder = Path(connection.settings_dict["NAME"]).parent
    if connection.is_in_memory_db() or os.name != "posix" or not os.access(folder, os.R_OK):
        yield lambda: True
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield lambda: locks.lock(descriptor, locks.LOCK_EX | locks.LOCK_NB)
    finally:
        os.close(descriptor)
