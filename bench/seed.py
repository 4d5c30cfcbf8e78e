"""Fill a database with users for load tests.

    DATABASE_URL=postgres://… python -m bench.seed --users 1000000

Each user has sessions and events, and all have one password.
"""

import argparse
import os
import secrets
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from typing import NamedTuple

import django
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction
from django.utils import timezone

from lazyrabbit import env_file

if __name__ == "__main__":  # Where another module imports this one, Django is set up.
    env_file.load()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lazyrabbit.settings")
    django.setup()

from accounts.events.models import Event, EventName
from accounts.sessions.models import Session, expiry
from accounts.users.models import User

BATCH = 10_000  # Users of one transaction, with their sessions and events.
SPAN = timedelta(days=28)  # In which they signed up: the session of the first one still lives.
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"

# One statement for each batch: twice as fast as COPY of rows from Python, and four times as fast
# as bulk_create. Columns that a later migration adds have a default, so none is missing here.
INSERT = """
    WITH made AS (
        INSERT INTO users (email, full_name, password, is_active, is_staff, is_superuser,
                           email_verified_at, created_at, updated_at)
        SELECT 'load-' || n || '@example.com', 'Load ' || n, %(password)s, true, false, false,
               at, at, at
        FROM generate_series(%(first)s, %(last)s) n,
             LATERAL (SELECT %(start)s + (n - %(first)s) * %(pace)s AS at) times
        RETURNING id, created_at, '10.0.0.0'::inet + (id & 16777215) AS ip_address
    ), started AS (
        INSERT INTO sessions (id, user_id, generation, ip_address, network, user_agent,
                              created_at, last_used_at, expires_at)
        SELECT gen_random_uuid(), id, 0, ip_address, host(ip_address), %(user_agent)s,
               created_at, %(now)s, least(%(now)s + %(idle)s, created_at + %(absolute)s)
        FROM made, generate_series(1, %(sessions)s)
        RETURNING id, user_id, ip_address, created_at
    )
    INSERT INTO events (name, user_id, session_id, ip_address, user_agent, request_id,
                        created_at, details)
    SELECT 'signup_succeeded', id, NULL::uuid, ip_address, %(user_agent)s, '', created_at,
           '{}'::jsonb
    FROM made
    UNION ALL
    SELECT 'signin_succeeded', user_id, id, ip_address, %(user_agent)s, '', created_at, '{}'
    FROM started
"""


class Batch(NamedTuple):
    """Users from number ``first`` to ``last``, the first of which signed up at ``start``."""

    first: int
    last: int
    start: datetime
    pace: timedelta
    now: datetime
    sessions: int
    password: str


def email(number: int) -> str:
    return f"load-{number}@example.com"


def last_number() -> int:
    """Return the number of the newest of these users, or 0."""
    seeded = User.objects.filter(email__regex=r"^load-[0-9]{1,9}@example\.com$")
    newest = seeded.order_by("-id").values_list("email", flat=True).first()
    return int(newest.removeprefix("load-").partition("@")[0]) if newest else 0


def seed(first: int, last: int, sessions: int, password: str) -> None:
    """Make the users in batches, each a transaction of its own, evenly over the time."""
    now = timezone.now()
    start, pace = now - SPAN, SPAN / (last - first + 1)
    insert = insert_select if connection.vendor == "postgresql" else bulk_create
    for begin in range(first, last + 1, BATCH):
        end = min(begin + BATCH - 1, last)
        at = start + (begin - first) * pace
        insert(Batch(begin, end, at, pace, now, sessions, password))


@transaction.atomic
def insert_select(batch: Batch) -> None:
    values = {
        **batch._asdict(),
        "user_agent": USER_AGENT,
        "idle": timedelta(days=settings.REFRESH_TOKEN_EXPIRE_DAYS),
        "absolute": timedelta(days=settings.SESSION_MAX_DAYS),
    }
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")  # It is for requests.
        cursor.execute(INSERT, values)


@transaction.atomic
def bulk_create(batch: Batch) -> None:
    users = User.objects.bulk_create(
        new_user(number, batch) for number in range(batch.first, batch.last + 1)
    )
    sessions = Session.objects.bulk_create(
        new_session(user, batch) for user in users for _ in range(batch.sessions)
    )
    Event.objects.bulk_create(new_event(EventName.SIGNUP_SUCCEEDED, user) for user in users)
    Event.objects.bulk_create(
        new_event(EventName.SIGNIN_SUCCEEDED, session.user, session) for session in sessions
    )


def new_user(number: int, batch: Batch) -> User:
    at = batch.start + (number - batch.first) * batch.pace
    return User(
        email=email(number),
        full_name=f"Load {number}",
        password=batch.password,
        email_verified_at=at,
        created_at=at,
    )


def ip_address(user: User) -> str:
    return str(IPv4Address("10.0.0.0") + (user.pk & 0xFFFFFF))


def new_session(user: User, batch: Batch) -> Session:
    return Session(
        user=user,
        ip_address=ip_address(user),
        network=ip_address(user),
        user_agent=USER_AGENT,
        created_at=user.created_at,
        last_used_at=batch.now,
        expires_at=expiry(user.created_at, batch.now),
    )


def new_event(name: EventName, user: User, session: Session | None = None) -> Event:
    return Event(
        name=name,
        user=user,
        session_id=session.pk if session else None,
        ip_address=ip_address(user),
        user_agent=USER_AGENT,
        created_at=user.created_at,
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="See the first line of this file.")
    parser.add_argument("--users", type=int, required=True, help="how many to make")
    parser.add_argument("--sessions", type=int, default=1, help="of each user (1)")
    parser.add_argument("--password", help="of each user (a random one, which is printed)")
    parser.add_argument(
        "--in-production", action="store_true", help="do it even there, where it is dangerous"
    )
    chosen = parser.parse_args(arguments)
    if settings.IS_PRODUCTION and not chosen.in_production:
        raise SystemExit("Many users with one password: refused without --in-production.")
    if chosen.users < 1 or chosen.sessions < 0:
        raise SystemExit("Expected at least one user, and no negative number of sessions.")
    password = chosen.password or secrets.token_urlsafe(16)
    first = last_number() + 1
    last = first + chosen.users - 1
    seed(first, last, chosen.sessions, make_password(password))
    names = f"{email(first)} to {email(last)}"
    print(f"{chosen.users} users made, {names}. Their password: {password}")


if __name__ == "__main__":
    main()
