"""Django's PostgreSQL, except that nobody waits long for a server in trouble."""

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
    """A connection that breaks when an answer takes longer than ``seconds``; 0: never.

    ``statement_timeout`` is the server's to keep, and a server that hangs keeps nothing.
    """

    seconds: float = 0

    def wait(
        self, gen: PQGen[Result], interval: float = 0.1, timeout: float | None = None
    ) -> Result:
        """Return what the server answers. Raises OperationalError."""
        try:
            return super().wait(gen, interval, timeout or self.seconds or None)
        except errors._WaitTimeout as error:
            self.pgconn.finish()
            raise errors.OperationalError("The server does not answer.") from error


class Validation(BaseDatabaseValidation):
    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """Refuse a database that counts bytes for letters, or lacks most letters of the world."""
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
    """Threads share a few connections, and one is replaced as soon as anything is odd about it."""

    validation_class = Validation

    isolation_level = IsolationLevel.READ_COMMITTED

    def get_new_connection(self, conn_params: dict[str, Any]) -> BoundedConnection:
        seconds = conn_params.pop("answer_timeout")
        connection = BoundedConnection.connect(**conn_params)
        connection.seconds = seconds
        return connection

    def is_usable(self) -> bool:
        """Return whether the server has not closed the connection, and no transaction has failed.

        That costs no question: a server that says something unasked says farewell.
        """
        if self.connection is None or self.connection.closed:
            return False
        if self.connection.info.transaction_status == TransactionStatus.INERROR:
            return False
        said = select.poll()
        said.register(self.connection.pgconn.socket, select.POLLIN)
        return not said.poll(0)
