"""Tell an operator in plain words what is right and what is wrong."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.checks import run_checks
from django.core.mail import get_connection
from django.core.management import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from accounts.mails import flows as mails
from accounts.throttling.models import Counter

# Whether it is well, and a sentence about it.
Finding = tuple[bool, str]
SKEW = 1.0  # Seconds between two clocks from which on limits and tokens are not exact.
LATE = timedelta(minutes=5)


class Command(BaseCommand):
    help = "Look at the database, mail, clock, proxies, keys and jobs, and say what is wrong."

    def handle(self, *args: Any, **options: Any) -> None:
        is_well = True
        for examine in (configuration, keys, proxies, mail_server, database):
            for is_right, sentence in examine():
                is_well &= is_right
                mark = self.style.SUCCESS("ok   ") if is_right else self.style.ERROR("WRONG")
                self.stdout.write(f"{mark} {sentence}")
        if not is_well:
            raise CommandError("Something is wrong: see above.")


def configuration() -> Iterator[Finding]:
    warnings = run_checks(include_deployment_checks=settings.IS_PRODUCTION)
    for warning in warnings:
        if not warning.is_silenced():
            yield False, f"{warning.id}: {warning.msg}"
    if settings.IS_PRODUCTION:
        yield True, f"This is production, for {', '.join(settings.ALLOWED_HOSTS)}."
    else:
        yield True, "This is development: ENVIRONMENT=production refuses what is only good here."


def keys() -> Iterator[Finding]:
    is_strong = len(settings.SECRET_KEY) >= 32 and len(set(settings.SECRET_KEY)) >= 10
    yield is_strong, f"SECRET_KEY {'looks' if is_strong else 'does not look'} random."


def proxies() -> Iterator[Finding]:
    trusted = settings.TRUSTED_PROXIES
    if any(network.prefixlen == 0 for network in trusted):
        yield False, "TRUSTED_PROXIES believes everybody's X-Forwarded-For: limits are void."
    elif trusted:
        yield True, f"The proxies of {', '.join(map(str, trusted))} are believed."
    else:
        yield not settings.IS_PRODUCTION, "TRUSTED_PROXIES is empty: no proxy is believed."
    plain = [origin for origin in settings.CORS_ALLOWED_ORIGINS if origin.startswith("http:")]
    if plain and settings.IS_PRODUCTION:
        yield False, f"BACKEND_CORS_ORIGINS lets in pages without HTTPS: {', '.join(plain)}."


def mail_server() -> Iterator[Finding]:
    name = settings.EMAIL_HOST or settings.EMAIL_FILE_PATH or "the console"
    server = get_connection(timeout=5)
    try:
        server.open()
        server.close()
    except OSError as error:
        yield False, f"Mail cannot go to {name}: {type(error).__name__}."
    else:
        yield True, f"Mail goes to {name}, from {settings.DEFAULT_FROM_EMAIL}."


def database() -> Iterator[Finding]:
    """Examine what only a database that answers can tell."""
    try:
        with connection.cursor() as cursor:
            started = time.perf_counter()
            cursor.execute("SELECT 1")
        milliseconds = (time.perf_counter() - started) * 1000
        yield True, f"The database answers in {milliseconds:.1f} ms: {described()}."
        yield from migrations()
        yield from clock()
        yield from jobs()
    except (DatabaseError, InterfaceError) as error:
        yield False, f"The database cannot be used: {str(error).partition(chr(10))[0]}"


def described() -> str:
    version = ".".join(map(str, connection.get_database_version()))
    if connection.vendor == "sqlite":
        return f"SQLite {version}, for one machine only"
    return f"PostgreSQL {version}"


def migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        yield False, f"{len(missing)} migrations are not applied: manage.py migrate does so."
    else:
        yield True, "Every migration is applied."


def clock() -> Iterator[Finding]:
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        apart = abs((cursor.fetchone()[0] - timezone.now()).total_seconds())
    yield apart < SKEW, f"The clocks of this machine and of the database are {apart:.2f} s apart."


def jobs() -> Iterator[Finding]:
    due = mails.backlog()
    if due.seconds > LATE.total_seconds():
        minutes = due.seconds / 60
        yield False, f"{due.number} mails wait, one for {minutes:.0f} min: is a worker running?"
    else:
        yield True, f"{due.number} mails wait to be sent, none for long."
    forgotten = Counter.objects.filter(resets_at__lt=timezone.now() - timedelta(days=3))
    if forgotten.exists():
        yield False, "manage.py purge has not run for days: schedule it once a day."
    else:
        yield True, "manage.py purge leaves nothing old behind."
