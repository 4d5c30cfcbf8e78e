"""The settings of SQLite and PostgreSQL: short timeouts, and durable commits."""

import sys
from pathlib import Path

from dj_database_url import DBConfig

ROOT = Path(__file__).resolve().parent.parent
# In milliseconds. Only commands that change whole tables have no limit.
UNBOUNDED = {"migrate", "restore", "restored", "loaddata"}
STATEMENT = 0 if UNBOUNDED.intersection(sys.argv[1:2]) else 3000


def bounded(database: DBConfig) -> DBConfig:
    """Return the settings of a database, with its limits and with connections that stay open."""
    is_sqlite = database["ENGINE"] == "django.db.backends.sqlite3"
    return {**(sqlite(database) if is_sqlite else postgresql(database)), "CONN_MAX_AGE": None}


def sqlite(database: DBConfig) -> DBConfig:
    options = {
        # A transaction takes the write lock at its start and waits up to 5 s for it, so parallel
        # writers queue instead of failing. FULL: a commit survives a power cut.
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
    given = database.get("OPTIONS", {})
    limits = (  # In milliseconds, enforced by the server.
        f"-c statement_timeout={STATEMENT} -c lock_timeout=2000"
        " -c idle_in_transaction_session_timeout=10000"
    )
    options = {
        "connect_timeout": 2,  # Seconds.
        "tcp_user_timeout": 5000,  # Milliseconds until unacknowledged data closes the connection.
        "answer_timeout": STATEMENT and 3.5,  # Seconds, for a server that hangs.
        **given,  # The parameters of DATABASE_URL win.
        "options": f"{limits} {given.get('options', '')}".strip(),
    }
    return {**database, "ENGINE": "lazyrabbit.postgresql", "OPTIONS": options}
