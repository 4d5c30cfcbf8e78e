"""Tell an operator in plain words what is right and what is wrong."""

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
SKEW = 1.0  # Seconds between two clocks from which on limits and tokens are not exact.
TIMEOUT = 5  # Seconds.
# Who answers, and how many connections an ordinary role may still open beside those of this node,
# which are known by role, database and address.
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
BACKUP_LATE = timedelta(hours=26)  # One a night, at an hour that varies and takes its time.


class Command(BaseCommand):
    help = (
        "Look at settings, keys, proxies, mail, web server, database and jobs; say what is wrong."
    )
    requires_system_checks = []  # It tells them itself, and everything else beside them.

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
    """Yield what all of them find; one that fails is a finding, and the others go on."""
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
    """Ask the server of this machine whether it is up."""
    url = f"http://127.0.0.1:{settings.PORT}/api/health"
    with closing(HTTPConnection("127.0.0.1", settings.PORT, timeout=TIMEOUT)) as server:
        try:
            server.request("GET", "/api/health", headers={"Host": settings.HOST})
            status = server.getresponse().status
        except ConnectionRefusedError:
            # Only the operator knows whether one should: it may listen elsewhere, in a container.
            yield None, f"No web server listens at {url}; that is right if it runs elsewhere."
        except (OSError, HTTPException) as error:
            yield False, f"The web server does not answer {url}: {type(error).__name__}."
        else:
            yield status == HTTPStatus.OK, f"The web server answers {url} with {status}."


def database() -> Iterator[Finding]:
    """Examine what only a database that answers can tell."""
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
    """Look at where the connection really leads, whatever names, services and variables say."""
    info = connection.connection.info
    sslmode = info.get_parameters().get("sslmode", "prefer")  # What libpq does by itself.
    yield configuration.encryption(info.host, info.hostaddr, sslmode)


def clock() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        apart = abs((cursor.fetchone()[0] - timezone.now()).total_seconds())
    yield apart < SKEW, f"The clocks of this machine and of the database are {apart:.2f} s apart."


def connections() -> Iterator[Finding]:
    """Compare what this node may hold open with what the database leaves it."""
    pid = connection.connection.info.backend_pid
    with connection.cursor() as cursor:
        cursor.execute(CONNECTIONS)
        server_pid, room = cursor.fetchone()
    needed = settings.WORKERS * settings.CONNECTIONS + 1
    parts = f"{settings.CONNECTIONS} for each of {settings.WORKERS} workers, and one to send mail"
    if server_pid != pid:  # Who made this connection is not who answers it.
        yield True, "A pooler stands before PostgreSQL: how many connections it has is its setting."
    elif needed > room:
        remedy = "raise max_connections, or put deploy/pgbouncer.ini between"
        yield False, f"This node needs {needed} connections ({parts}), of {room} left: {remedy}."
    else:
        yield True, f"This node needs {needed} connections ({parts}), of {room} left."


def migrations() -> Iterator[Finding]:
    """Look at the jobs too, if the database has every table that they ask."""
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
    """Look for a backup within a day where there is something to lose."""
    made_at = last_backup_at()
    if made_at is None:
        yield not settings.IS_PRODUCTION, "No backup was ever made: schedule manage.py backup."
        return
    age = timezone.now() - made_at
    hours = age.total_seconds() / 3600
    is_right = age < BACKUP_LATE or not settings.IS_PRODUCTION
    yield is_right, f"The last backup was made {hours:.0f} h ago."
