"""Django's SQLite, except that a new database is readable by its owner alone."""

from contextlib import suppress
from pathlib import Path
from sqlite3 import Connection
from threading import Lock
from typing import Any

from django.db.backends.sqlite3 import base

from lazyrabbit.connections import SharedConnections

# To close a file ends every lock that the process holds on it, so nothing is opened meanwhile.
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
            # One that is there keeps its permissions; what is wrong with its folder, SQLite says.
            with creating, suppress(OSError):
                Path(conn_params["database"]).touch(0o600, exist_ok=False)
        connection: Connection = super().get_new_connection(conn_params)
        return connection
