"""How SQLite and PostgreSQL are used: nothing waits for long, and what was acknowledged stays."""

import sys
from pathlib import Path

from dj_database_url import DBConfig

ROOT = Path(__file__).resolve().parent.parent
# In milliseconds. Only what changes whole tables may take its time.
UNBOUNDED = {"migrate", "restore", "restored", "loaddata"}
STATEMENT = 0 if UNBOUNDED.intersection(sys.argv[1:2]) else 3000


def bounded(database: DBConfig) -> DBConfig:
    """Return the settings of a database, whose connections stay open."""
    is_sqlite = database["ENGINE"] == "django.db.backends.sqlite3"
    return {**(sqlite(database) if is_sqlite else postgresql(database)), "CONN_MAX_AGE": None}


def sqlite(database: DBConfig) -> DBConfig:
    """Take the lock of a write transaction at once, and wait up to 5 s for it.

    So parallel writers queue instead of failing. FULL keeps what was acknowledged through a power
    cut.
    """
    options = {
        "timeout": 5,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
    return {
        **database,
        "ENGINE": "lazyrabbit.sqlite",
        "NAME": str(ROOT / database["NAME"]),
        "OPTIONS": options,
        # pytest-django knows this only of Django's own backend.
        "TEST": {"NAME": ":memory:"},
    }


def postgresql(database: DBConfig) -> DBConfig:
    """Bound a statement, a lock, and a transaction that nobody goes on with (in milliseconds).

    So too a network that took what was sent; in seconds to connect, and for an answer of a server
    that keeps none of these. What the URL asks for comes after that.
    """
    given = database.get("OPTIONS", {})
    limits = (
        f"-c statement_timeout={STATEMENT} -c lock_timeout=2000"
        " -c idle_in_transaction_session_timeout=10000"
    )
    options = {
        "connect_timeout": 2,
        "tcp_user_timeout": 5000,
        "answer_timeout": STATEMENT and 3.5,
        **given,
        "options": f"{limits} {given.get('options', '')}".strip(),
    }
    return {**database, "ENGINE": "lazyrabbit.postgresql", "OPTIONS": options}
