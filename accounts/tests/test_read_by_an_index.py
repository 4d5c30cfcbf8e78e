"""No request, no page of the admin and no command reads a whole table."""

# PostgreSQL executes every query on tables of 20,000 rows, and reports how many rows it has read.
# Rare rows are old, so a query that searches for them from the newest row on reads everything. And
# the statistics are of a quiet hour: PostgreSQL does not know that many windows are open by now,
# and many links live.

import re
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts.conftest import DocumentedClient
from accounts.events.models import Event
from accounts.links.models import Purpose
from accounts.management.commands import doctor, purge
from accounts.outbox import flows as outbox
from accounts.outbox import sender
from accounts.outbox.models import Attempts, State
from accounts.outbox.tasks import replace
from accounts.sessions.flows import issue
from accounts.sessions.models import Session, expiry
from accounts.staff import lists
from accounts.throttling.models import Counter
from accounts.users.models import User
from bench import seed
from bench.plans import Explained, explaining

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

ROWS = 20_000
BOUND = 200  # The value of each of our limits here: a bounded query reads far from all rows.
MOST_READ = 2 * BOUND
QUEUE = DBTaskResult._meta.db_table
TABLES = {"users", "sessions", "events", "counters", "links", QUEUE}
OTHERS = f"""
    INSERT INTO counters (key, count, resets_at)
    SELECT md5(n::text), 1, now() - '1 day'::interval - n * '1 second'::interval
    FROM generate_series(1, {ROWS}) n;
    INSERT INTO links (user_id, purpose, email, digest, created_at, expires_at)
    SELECT id, 'verify-email', email, id, created_at, created_at - '2 days'::interval FROM users;
    INSERT INTO {QUEUE} (id, status, enqueued_at, started_at, finished_at, run_after, priority,
        args_kwargs, task_path, worker_ids, queue_name, backend_name, exception_class_path,
        traceback, return_value)
    SELECT gen_random_uuid(), coalesce(('{{FAILED,RUNNING,READY}}'::text[])[n], 'SUCCESSFUL'), at,
        at, at, now() + '1 hour', 0,
        jsonb_build_object('args', jsonb_build_array(n, 'en'), 'kwargs', '{{}}'::jsonb),
        'accounts.outbox.tasks.send_link', '["a worker"]', 'default', 'default', '', '', NULL
    FROM generate_series(1, {ROWS}) n,
        LATERAL (SELECT now() - '8 days'::interval + n * '30 seconds'::interval AS at) times;
    ANALYZE {", ".join(sorted(TABLES))};
    INSERT INTO counters (key, count, resets_at)
    SELECT md5(key), 1, now() + '5 minutes' FROM counters;
    INSERT INTO links (user_id, purpose, email, digest, created_at, expires_at)
    SELECT user_id, 'undo-email-change', email, md5(digest), now(), now() + '5 minutes' FROM links;
"""  # noqa: S608 (the name of a table)
PASSWORD = "correct horse battery staple"
API = "/api/v1"
USERS = reverse("admin:accounts_user_changelist")
EVENTS = reverse("admin:accounts_event_changelist")
MAILS = reverse("admin:accounts_mail_changelist")


@pytest.fixture
def full_tables(monkeypatch):
    for module, name in ((lists, "LONGEST_LIST"), (lists, "LONGEST_SEARCH"), (purge, "BATCH")):
        monkeypatch.setattr(module, name, BOUND)
    if connection.vendor == "postgresql":  # To fill tables may take longer than a request.
        monkeypatch.setattr(connection.connection, "seconds", 0)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")
    seed.seed(1, ROWS, 1, make_password(PASSWORD))
    oldest = User.objects.filter(email__in=[f"load-{n}@example.com" for n in range(1, 9)])
    oldest.update(is_active=False, is_staff=True, is_superuser=True)
    Event.objects.filter(user__in=oldest).update(name="refresh_reuse")
    with connection.cursor() as cursor:
        cursor.execute(OTHERS)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def rows_read(node: dict[str, Any]) -> int:
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return round((node["Actual Rows"] + removed) * node["Actual Loops"])


def faults(query: Explained) -> Iterator[str]:
    """Return the parts of the plan that read all or much of a table."""
    for node in nodes(query.answer[0][0]["Plan"]):
        table, kind = node.get("Relation Name"), node["Node Type"]
        if table in TABLES and kind.endswith("Scan"):
            rows = rows_read(node)
            if kind == "Seq Scan" or rows > MOST_READ:
                yield f"{kind} of {rows} {table}: {query.sql}"


@pytest.fixture
def watch(full_tables):
    """Call a function, and fail if a query of it reads a table."""

    def watch(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with explaining("ANALYZE, FORMAT JSON") as queries:
            result = function(*args, **kwargs)
        assert queries
        assert [fault for query in queries for fault in faults(query)] == []
        return result

    return watch


def recently() -> str:
    """Return an instant after which five signed up: far fewer than a page shows."""
    return str(timezone.now() - 5 * seed.SPAN / ROWS)


@pytest.fixture
def person(full_tables):
    return User.objects.get(email=f"load-{ROWS // 2}@example.com")


@pytest.fixture
def member(person):
    """A client signed in as one of the many, from the middle of the table."""
    member: Any = DocumentedClient()
    now = timezone.now()
    member.tokens = issue(
        person.sessions.create(created_at=now, last_used_at=now, expires_at=expiry(now, now))
    )
    member.credentials(HTTP_AUTHORIZATION=f"Bearer {member.tokens.access_token}")
    return member


def test_requests_of_members_use_indexes(watch, member, person):
    me, passwords = f"{API}/users/me", {"current_password": PASSWORD, "new_password": PASSWORD[1:]}
    used = {"refresh_token": issue(person.sessions.earliest("created_at")).refresh_token}
    own = {"refresh_token": member.tokens.refresh_token}
    for status, call, path, body in (
        (200, member.get, me, {}),
        (200, member.patch, me, {"full_name": "Ana"}),
        (200, member.get, f"{me}/sessions", {}),
        (200, member.get, f"{me}/events", {}),
        (202, member.post, f"{me}/change-email", {"new_email": "new@example.com"}),
        (200, member.post, f"{API}/auth/refresh", own),
        (200, member.post, f"{API}/auth/refresh", own),  # Once more, within the grace.
        (200, member.post, f"{me}/change-password", passwords),
        (401, member.post, f"{API}/auth/refresh", used),
        (204, member.post, f"{API}/auth/signout", {"scope": "others"}),
        (204, member.delete, me, {}),
    ):
        answer = watch(call, path, body)
        assert answer.status_code == status, (path, answer.content)


def test_requests_without_a_session_use_indexes(watch, client, person, deliver):
    known, new = {"email": person.email}, {"email": "new@example.com"}
    right, wrong = {"password": PASSWORD}, {"password": "wrong"}
    for status, path, body in (
        (201, "signup", new | right),
        (400, "signup", known | right),
        (200, "signin", known | right),
        (401, "signin", known | wrong),
        (401, "signin", {"email": "nobody@example.com"} | wrong),
        (202, "forgot-password", known),
        (202, "resend-verification", known),
    ):
        answer = watch(client.post, f"{API}/auth/{path}", body)
        assert answer.status_code == status, (path, answer.content)
    assert watch(deliver)


def test_requests_with_links_use_indexes(watch, client, person):
    old_email, new_email = person.email, "new@example.com"
    for purpose, email, body in (
        (Purpose.VERIFY, old_email, {"current_password": PASSWORD}),
        (Purpose.CHANGE, new_email, {"current_password": PASSWORD}),
        (Purpose.UNDO, old_email, {}),
        (Purpose.RESET, old_email, {"password": PASSWORD[1:]}),
    ):
        token = {"token": replace(person, purpose, email).renew().token}
        answer = watch(client.post, f"{API}/auth/{purpose}", token | body)
        assert answer.status_code == 200, (purpose, answer.content)
        if purpose == Purpose.VERIFY:
            assert watch(client.post, f"{API}/auth/{purpose}", token).status_code == 200


def test_pages_of_the_admin_use_indexes(watch, superuser, person):
    recent, session = {"created_at__gte": recently()}, person.sessions.get()
    for address, *queries in (
        ("/admin/", {}),
        (USERS, {}, {"p": 2}, {"_facets": "True"}, recent, recent | {"is_active__exact": 1}),
        (USERS, *({f"is_{name}__exact": 0} for name in ("active", "staff", "superuser"))),
        (USERS, *({f"is_{name}__exact": 1} for name in ("active", "staff", "superuser"))),
        (USERS, *({"o": f"{sign}{column}"} for sign in ("", "-") for column in range(1, 7))),
        (USERS, {"q": person.email}, {"q": "load-1"}, {"q": "Load 1"}, {"q": person.pk}),
        (USERS, {"q": "nobody"}, {"q": "load-1", "is_staff__exact": 1, "o": 1}),
        (f"{USERS}{person.pk}/change/", {}),
        (f"{USERS}{person.pk}/delete/", {}),
        (EVENTS, {}, {"p": 2}, recent, recent | {"name__exact": "signin_succeeded"}),
        (EVENTS, {"name__exact": "refresh_reuse"}, {"name__exact": "signin_succeeded"}),
        (EVENTS, {"q": person.email}, {"q": person.pk}, {"q": session.ip_address}, {"o": 2}),
        (MAILS, {}, {"p": 2}, {"enqueued_at__gte": recently()}, {"o": 2}),
        (MAILS, *({"state": state} for state in State.values)),
    ):
        for query in queries:
            assert watch(superuser.get, address, query).status_code == 200, (address, query)


def test_commands_of_operators_use_indexes(watch, person, settings):
    settings.SESSION_RETENTION_DAYS = settings.EVENT_RETENTION_DAYS = 27
    Attempts.objects.create(failed_in_a_row=3)
    output = StringIO()

    assert watch(outbox.backlog).number == 2
    assert [is_well for is_well, _ in watch(list, doctor.mail_queue())] == [False, False]
    assert watch(sender.recover) == 1
    watch(call_command, "explain", person.email, stdout=StringIO())
    watch(call_command, "unblock", person.email, stdout=StringIO())
    watch(call_command, "end_sessions", user=person.email, stdout=output)
    assert output.getvalue() == "1 sessions ended.\n"
    Session.objects.all().update(revoked_at=F("created_at"))
    watch(call_command, "purge", stdout=output)

    purged = [int(number) for number in re.findall(r"(\d+) \w+ purged", output.getvalue())]
    assert len(purged) == 5
    assert min(purged) > MOST_READ


def test_a_refresh_and_a_counter_touch_no_index(full_tables, person, client):
    # PostgreSQL calls that a heap-only tuple (HOT): the new version fits into the row's page.
    token = {"refresh_token": issue(person.sessions.get()).refresh_token}
    counter = Counter.objects.latest("resets_at")
    before = updates_in_the_page()

    assert client.post(f"{API}/auth/refresh", token).status_code == 200
    Counter.objects.give_back(counter.key)

    assert updates_in_the_page() == {table: number + 1 for table, number in before.items()}


def updates_in_the_page() -> dict[str, int]:
    """Return the HOT updates that this connection has not reported yet, also of earlier tests."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname::text, pg_stat_get_xact_tuples_hot_updated(oid)"
            " FROM pg_class WHERE relname IN ('sessions', 'counters')"
        )
        return dict(cursor.fetchall())
