"""Check the setup and report what is right and what is wrong."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import timedelta
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import get_connection
from django.core.management import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from accounts.backups.flows import last_backup_at
from accounts.management import configuration
from accounts.management.configuration import Finding
from accounts.outbox import flows as outbox
from accounts.outbox.models import Mail, State
from accounts.outbox.sender import reason
from accounts.throttling.models import Counter

Examination = Callable[[], Iterable[Finding]]
SKEW = 1.0  # Seconds between two clocks; beyond it, limits and tokens are not exact.
TIMEOUT = 5  # Seconds.
# The process that answers, and how many connections an ordinary role may open, without counting
# those of this node: they have its role, its database and its IP address.
CONNECTIONS = """
    SELECT pg_backend_pid(),
        current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true), '0')::int
        - count(*) FILTER (
            WHERE other.datid IS NOT NULL AND other.usesysid IS NOT NULL
            AND (other.datid, other.usesysid, other.client_addr)
                IS DISTINCT FROM (own.datid, own.usesysid, own.client_addr)
        )
    FROM pg_stat_activity own, pg_stat_activity other
    WHERE own.pid = pg_backend_pid()
"""
BACKUP_LATE = timedelta(hours=26)  # A day, and two hours because start and duration vary.


class Command(BaseCommand):
    help = (
        "Check settings, keys, proxies, mail, web server, database and jobs; report what is wrong."
    )
    requires_system_checks = []  # It reports them itself, together with its other findings.

    def handle(self, *args: Any, **options: Any) -> None:
        marks = {
            True: self.style.SUCCESS("ok   "),
            None: self.style.WARNING("note "),
            False: self.style.ERROR("WRONG"),
        }
        is_well = True
        for is_right, sentence in examine(
            configuration.checks,
            configuration.env_file,
            configuration.secret_files,
            configuration.keys,
            configuration.proxies,
            mail_server,
            web_server,
            database,
        ):
            is_well &= is_right is not False
            self.stdout.write(f"{marks[is_right]} {sentence}")
        if not is_well:
            raise CommandError("Something is wrong: see above.")


def examine(*examinations: Examination) -> Iterator[Finding]:
    """Yield the findings of all; one that fails is a finding, and the others continue."""
    for examination in examinations:
        try:
            yield from examination()
        except Exception as error:  # noqa: BLE001 (whatever it is, it must not hide the rest)
            name = examination.__name__.replace("_", " ")
            yield False, f"Looking at {name} failed: {type(error).__name__}: {first_line(error)}."


def first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")


def mail_server() -> Iterator[Finding]:
    name = settings.EMAIL_HOST or settings.EMAIL_FILE_PATH or "the console"
    try:
        with get_connection(timeout=TIMEOUT):
            pass
    except (OSError, ImproperlyConfigured) as error:
        yield False, f"Mail cannot go to {name}: {reason(error)}."
    else:
        yield True, f"Mail goes to {name}, from {settings.DEFAULT_FROM_EMAIL}."


def web_server() -> Iterator[Finding]:
    url = f"http://127.0.0.1:{settings.PORT}/api/health"
    with closing(HTTPConnection("127.0.0.1", settings.PORT, timeout=TIMEOUT)) as server:
        try:
            server.request("GET", "/api/health", headers={"Host": settings.HOST})
            status = server.getresponse().status
        except ConnectionRefusedError:
            # Only the operator knows whether this is wrong: it may listen in a container.
            yield None, f"No web server listens at {url}; that is right if it runs elsewhere."
        except (OSError, HTTPException) as error:
            yield False, f"The web server does not answer {url}: {type(error).__name__}."
        else:
            yield status == HTTPStatus.OK, f"The web server answers {url} with {status}."


def database() -> Iterator[Finding]:
    """Check the database, and if it answers, everything that depends on it."""
    try:
        with connection.cursor() as cursor:
            started = time.perf_counter()
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError) as error:
        yield False, f"The database cannot be used: {first_line(error)}."
        return
    milliseconds = (time.perf_counter() - started) * 1000
    yield True, f"The database answers in {milliseconds:.1f} ms: {described()}."
    yield from ((False, str(problem.msg)) for problem in connection.validation.check())
    if connection.vendor == "postgresql":
        yield from examine(encryption, clock, connections)
    yield from examine(migrations)


def described() -> str:
    version = ".".join(map(str, connection.get_database_version()))
    if connection.vendor == "sqlite":
        return f"SQLite {version}, for one machine only"
    return f"PostgreSQL {version}"


def encryption() -> Iterator[Finding]:
    # Of the open connection: names, services and variables may differ from the settings.
    info = connection.connection.info
    sslmode = info.get_parameters().get("sslmode", "prefer")  # The default of libpq.
    yield configuration.encryption(info.host, info.hostaddr, sslmode)


def clock() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        apart = abs((cursor.fetchone()[0] - timezone.now()).total_seconds())
    yield apart < SKEW, f"The clocks of this machine and of the database are {apart:.2f} s apart."


def connections() -> Iterator[Finding]:
    """Compare the connections that this node may open with those that the database has left."""
    pid = connection.connection.info.backend_pid
    with connection.cursor() as cursor:
        cursor.execute(CONNECTIONS)
        server_pid, left = cursor.fetchone()
    needed = settings.WORKERS * settings.CONNECTIONS + 1
    parts = f"{settings.CONNECTIONS} for each of {settings.WORKERS} workers, and one to send mail"
    if server_pid != pid:  # The process behind this connection is not the one that answers.
        yield True, "A pooler stands before PostgreSQL: how many connections it has is its setting."
    elif needed > left:
        remedy = "raise max_connections, or put deploy/pgbouncer.ini between"
        yield False, f"This node needs {needed} connections ({parts}), of {left} left: {remedy}."
    else:
        yield True, f"This node needs {needed} connections ({parts}), of {left} left."


def migrations() -> Iterator[Finding]:
    """Check the migrations, and if all are applied, the jobs, which need every table."""
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        yield False, f"{len(missing)} migrations are not applied: manage.py migrate does so."
        return
    yield True, "Every migration is applied."
    yield from examine(mail_queue, jobs, backups)


def mail_queue() -> Iterator[Finding]:
    backlog = outbox.backlog()
    if backlog.oldest is None:
        yield True, "No mail waits to be sent."
    else:
        since, error = backlog.oldest.enqueued_at, backlog.oldest.last_error
        said = f"Mails that wait: {backlog.number}, the oldest since {since:%Y-%m-%d %H:%M} UTC."
        if error:
            said += f" Its last error: {sentence(error)}"
        elif backlog.is_late:
            said += " Is a worker running?"
        yield not backlog.is_late, said
    if backlog.failed_in_a_row:
        last = Mail.objects.in_state(State.FAILED).order_by("-enqueued_at").first()
        said = f"Mails given up since one was last sent: {backlog.failed_in_a_row}."
        if last:
            said += f" The last error: {sentence(last.last_error)}"
        yield not backlog.is_refused, said


def sentence(words: str) -> str:
    return words if words.endswith(".") else f"{words}."


def jobs() -> Iterator[Finding]:
    forgotten = Counter.objects.filter(resets_at__lt=timezone.now() - timedelta(days=3))
    if forgotten.exists():
        yield False, "manage.py purge has not run for days: schedule it once a day."
    else:
        yield True, "manage.py purge leaves nothing old behind."


def backups() -> Iterator[Finding]:
    """Check that the last backup is recent, in production."""
    made_at = last_backup_at()
    if made_at is None:
        yield not settings.IS_PRODUCTION, "No backup was ever made: schedule manage.py backup."
        return
    age = timezone.now() - made_at
    hours = age.total_seconds() / 3600
    is_right = age < BACKUP_LATE or not settings.IS_PRODUCTION
    yield is_right, f"The last backup was made {hours:.0f} h ago."
