"""Django's PostgreSQL backend, with a time limit for every answer and shared connections."""

import select
from typing import Any, TypeVar

import psycopg
from django.core.checks import CheckMessage, Error
from django.db.backends.base.validation import BaseDatabaseValidation
from django.db.backends.postgresql import base
from psycopg import IsolationLevel, errors
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

from lazyrabbit.connections import SharedConnections

Result = TypeVar("Result")


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that fails if an answer takes longer than ``seconds`` (0: no limit)."""

    # The server enforces statement_timeout; a server that hangs enforces nothing.
    seconds: float = 0

    def wait(
        self, gen: PQGen[Result], interval: float = 0.1, timeout: float | None = None
    ) -> Result:
        try:
            return super().wait(gen, interval, timeout or self.seconds or None)
        except errors._WaitTimeout as error:
            self.pgconn.finish()
            raise errors.OperationalError("The server does not answer.") from error


class Validation(BaseDatabaseValidation):
    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Refuse encodings other than UTF-8: they count bytes, or lack most letters."""
        with self.connection.cursor() as cursor:
            cursor.execute("SHOW server_encoding")
            (encoding,) = cursor.fetchone()
        if encoding == "UTF8":
            return []
        return [
            Error(
                f"The database is encoded in {encoding} instead of UTF8: make another one by"
                " createdb --encoding=UTF8 --template=template0.",
                id="lazyrabbit.E001",
            )
        ]


class DatabaseWrapper(SharedConnections, base.DatabaseWrapper):
    """Shares a few connections between threads, and replaces one that may not work any more."""

    validation_class = Validation

    isolation_level = IsolationLevel.READ_COMMITTED

    def get_new_connection(self, conn_params: dict[str, Any]) -> BoundedConnection:
        seconds = conn_params.pop("answer_timeout")
        connection = BoundedConnection.connect(**conn_params)
        connection.seconds = seconds
        return connection

    def is_usable(self) -> bool:
        """Return whether the connection is open and no transaction has failed, without a query."""
        if self.connection is None or self.connection.closed:
            return False
        if self.connection.info.transaction_status == TransactionStatus.INERROR:
            return False
        # Unsolicited data on an idle connection means that the server closed it.
        unsolicited = select.poll()
        unsolicited.register(self.connection.pgconn.socket, select.POLLIN)
        return not unsolicited.poll(0)
