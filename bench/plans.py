"""The plan of each query as PostgreSQL carried it out, with the rows and pages that it read."""

import re
import textwrap
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

    Call it in a transaction. With ANALYZE the query is carried out once more and rolled back.
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


def readable(query: Explained, width: int = 120) -> str:
    """Return a query and its plan for people: without lists of columns, of values and of pages.

    The pages that are left are those of the whole query.
    """
    sql = query.sql.replace('"', "")
    for pattern, short in (
        (r"SELECT (?:(?!SELECT| FROM ).){60,} FROM ", "SELECT … FROM "),
        (r"%s(, %s)+", "%s, …"),
        (r"\((\w+, ){4,}\w+\)", "(…)"),
    ):
        sql = re.sub(pattern, short, sql)
    plan = [line for line in query.answer if not line.lstrip().startswith(("Planning", "Buffers"))]
    pages = [line.strip() for line in query.answer if line.lstrip().startswith("Buffers")]
    lines = [line if len(line) <= width else line[: width - 1] + "…" for line in plan]
    return "\n".join([*textwrap.wrap(sql, width), *lines[:-1], *pages[:1], lines[-1]])
