"""A few connections to the database that all threads of a process share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Semaphore
from typing import Any

from django.conf import settings
from django.db.backends.base.base import NO_DB_ALIAS, BaseDatabaseWrapper

PATIENCE = 3  # Seconds that a thread waits for a connection, as long as a statement may take.


class Shared:
    """The spare connections to one database, and the limit of open ones."""

    def __init__(self) -> None:
        self.spare: list[Any] = []
        self.slots = Semaphore(settings.CONNECTIONS)


shared: dict[tuple[str, str], Shared] = {}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=shared.clear)


def close_spare() -> None:
    """Close every connection that no thread is using."""
    for one in shared.values():
        while one.spare:
            one.spare.pop().close()


class SharedConnections(BaseDatabaseWrapper):
    """Returns its connection at the end of a request, or before the thread waits for a hash.

    The connection returned last is reused first, so that few are in use and stay warm.
    """

    Database: Any  # Django's name for the module of the driver.
    lent_by: Shared | None = None

    def is_shared(self) -> bool:
        return self.alias != NO_DB_ALIAS

    def connect(self) -> None:
        """Reuse a spare connection, or open one if the limit allows.

        Raises OperationalError if none becomes free in time.
        """
        if not self.is_shared():
            return super().connect()
        self.release()
        lender = shared.setdefault((self.alias, self.settings_dict["NAME"]), Shared())
        if not lender.slots.acquire(timeout=PATIENCE):
            raise self.Database.OperationalError("Every connection of this process is in use.")
        self.lent_by = lender
        try:
            if not self.adopt(lender.spare):
                super().connect()
        except BaseException:
            self.release()
            raise

    def adopt(self, spare: list[Any]) -> bool:
        """Use the first working connection of these; return False if there is none."""
        while spare:
            try:
                self.connection = spare.pop()
            except IndexError:  # Another thread was faster.
                return False
            if self.is_usable():
                self.reset()
                return True
            self.connection.close()
            self.connection = None
        return False

    def reset(self) -> None:
        """Initialize as Django does for a new connection, but without a query."""
        self.in_atomic_block = self.needs_rollback = self.closed_in_transaction = False
        self.savepoint_ids, self.atomic_blocks, self.run_on_commit = [], [], []
        self.health_check_enabled = self.settings_dict["CONN_HEALTH_CHECKS"]
        self.health_check_done, self.errors_occurred, self.close_at = True, False, None
        self.autocommit = True

    def get_autocommit(self) -> bool:
        """Avoid the check of an open connection that Django would make."""
        return self.autocommit if self.connection is not None else super().get_autocommit()

    def close_if_unusable_or_obsolete(self) -> None:
        """Return the connection to the spare ones, unless it has to be closed."""
        super().close_if_unusable_or_obsolete()
        if self.lent_by is not None and self.connection is not None and not self.in_atomic_block:
            self.lent_by.spare.append(self.connection)
            self.connection = None
            self.release()

    def release(self) -> None:
        lender, self.lent_by = self.lent_by, None
        if lender is not None:
            lender.slots.release()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]  # Each backend has one.
        finally:
            self.release()

    @contextmanager
    def _nodb_cursor(self) -> Iterator[Any]:
        """Close spare connections first: tests drop their database, which must not be in use."""
        close_spare()
        with super()._nodb_cursor() as cursor:
            yield cursor

    def __del__(self) -> None:
        """Close the connection of a thread that ended without returning it."""
        if self.lent_by is not None:
            if self.connection is not None:
                with suppress(self.Database.Error):
                    self.connection.close()
            self.release()
