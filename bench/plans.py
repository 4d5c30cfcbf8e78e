"""What PostgreSQL did for each query: its plan, with the rows and the pages that it really read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.db import connection, transaction

STATEMENTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


class Explained(NamedTuple):
    """A query, with placeholders for its values, and what EXPLAIN says of it, in rows."""

    sql: str
    answer: list[Any]


@contextmanager
def explaining(options: str) -> Iterator[list[Explained]]:
    """Explain every query inside, with these options of EXPLAIN, before it is sent.

    Belongs into a transaction. With ANALYZE the query is carried out and undone first, so that
    what comes after finds what it would have found.
    """
    explained: list[Explained] = []

    def explain(execute: Callable[..., Any], sql: str, params: Any, *rest: Any) -> Any:
        if sql.lstrip().startswith(STATEMENTS):
            before = transaction.savepoint()
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN ({options}) {sql}", params)
                answer = [row[0] for row in cursor.fetchall()]
            transaction.savepoint_rollback(before)
            explained.append(Explained(" ".join(sql.split()), answer))
        return execute(sql, params, *rest)

    with connection.execute_wrapper(explain):
        yield explained
