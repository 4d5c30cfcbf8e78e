"""Django's SQLite backend, but only the owner can read a new database."""

from contextlib import suppress
from pathlib import Path
from sqlite3 import Connection
from threading import Lock
from typing import Any

from django.db.backends.sqlite3 import base

from lazyrabbit.connections import SharedConnections

# Closing a file releases every lock of the process on it, so nothing is opened meanwhile.
creating = Lock()


class DatabaseWrapper(SharedConnections, base.DatabaseWrapper):
    """SQLite gives the files beside it, ``-wal`` and ``-shm``, the permissions of the database."""

    def is_shared(self) -> bool:
        return super().is_shared() and not self.is_in_memory_db()

    def reset(self) -> None:
        super().reset()
        # Django keeps it beside the connection.
        self.transaction_mode = self.settings_dict["OPTIONS"].get("transaction_mode")

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        if not self.is_in_memory_db():
            # An existing file keeps its permissions; SQLite itself reports a missing folder.
            with creating, suppress(OSError):
                Path(conn_params["database"]).touch(0o600, exist_ok=False)
        connection: Connection = super().get_new_connection(conn_params)
        return connection
