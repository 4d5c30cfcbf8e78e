"""What do reads, sign-ins, refreshes and the admin's lists cost with ten million users?

    DATABASE_URL=postgres://… python -m bench.scale --users 1000 1000000 10000000

A database and a server for each number of users. They are asked in turns, ten requests each, so
that other load on the machine affects all of them alike. Every request is about another user, so
that what it reads is seldom in memory already. Ten million take 20 GB.
"""

import argparse
import contextlib
import http.client
import itertools
import json
import os
import random
import secrets
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import django
import psycopg
from django.db import connection, transaction

from bench.plans import Explained, explaining, readable
from bench.service import (
    JSON,
    PASSWORD,
    Service,
    database,
    environment,
    manage,
    python,
    serving,
)

WARM_UP, BLOCK = 20, 10  # Requests.
COOKIE = "__Host-sessionid"  # In production.
KEY = secrets.token_urlsafe(64)  # Of all servers, and of the tokens that are made here.
STAFF = f"""
from django.test import Client
from accounts.users.models import User
browser = Client()
browser.force_login(User.objects.create_superuser("root@example.com", {PASSWORD!r}))
print(browser.cookies["{COOKIE}"].value)
"""
# Other tables that fill up: counters of today's sign-ins (one user in ten), cookies of staff.
OTHERS = """
    INSERT INTO counters (key, count, resets_at)
    SELECT md5(n::text) || md5((-n)::text), 0, now() FROM generate_series(1, %(users)s / 10) n;
    INSERT INTO django_session (session_key, session_data, expire_date)
    SELECT md5(n::text), '', now() + '1 hour' FROM generate_series(1, 1000) n;
"""
SAMPLE = """
    SELECT email, sessions.id, user_id, generation, sessions.created_at, last_used_at, expires_at
    FROM users JOIN sessions ON user_id = users.id WHERE email = ANY(%s)
"""
USERS, EVENTS = "/admin/accounts/user/", "/admin/accounts/event/"


class Person(NamedTuple):
    email: str
    access_token: str
    refresh_token: str


class Site:
    """A database with so many users, and a server on it."""

    def __init__(self, users: int, settings: dict[str, str]) -> None:
        self.users, self.settings = users, settings
        self.service = Service(int(settings["PORT"]), 0)  # Its process is started later.

    def seed(self) -> None:
        """Make the users, and let the database know how many there are."""
        manage(self.settings, "migrate", "--verbosity", "0")
        self.cookie = manage(self.settings, "shell", "-v", "0", "-c", STAFF).strip()
        options = ("--users", str(self.users), "--password", PASSWORD, "--in-production")
        started = time.monotonic()
        python(self.settings, "-m", "bench.seed", *options, timeout=3600)
        seconds = time.monotonic() - started
        url, cursor_factory = self.settings["DATABASE_URL"], psycopg.ClientCursor
        with psycopg.connect(url, autocommit=True, cursor_factory=cursor_factory) as connection:
            connection.execute(OTHERS, {"users": self.users})
            connection.execute("VACUUM (ANALYZE)")
            with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
                connection.execute("CHECKPOINT")
            size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        gigabytes = size[0] / 10**9 if size else 0
        print(f"{self.users:,} users: made in {seconds:.0f} s, {gigabytes:.2f} GB", flush=True)

    def choose(self, number: int) -> None:
        """Choose so many users at random, and make their tokens."""
        from accounts.sessions.flows import issue  # noqa: PLC0415 (needs the settings)
        from accounts.sessions.models import Session  # noqa: PLC0415

        chosen = random.sample(range(1, self.users + 1), min(number, self.users))
        names = ("pk", "user_id", "generation", "created_at", "last_used_at", "expires_at")
        people = []
        with psycopg.connect(self.settings["DATABASE_URL"]) as connection:
            emails = [f"load-{n}@example.com" for n in chosen]
            for email, *values in connection.execute(SAMPLE, [emails]):
                tokens = issue(Session(**dict(zip(names, values, strict=True))))
                people.append(Person(email, tokens.access_token, tokens.refresh_token))
        random.shuffle(people)
        self.people = itertools.cycle(people)

    def look(self, path: str) -> int:
        """Return the status of a page of the admin."""
        page = http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=60)
        with contextlib.closing(page) as server:
            server.request("GET", path, headers={**JSON, "Cookie": f"{COOKIE}={self.cookie}"})
            answer = server.getresponse()
            answer.read()
            return answer.status


OPERATIONS: dict[str, Callable[[Any, Person], int]] = {
    "`GET /users/me`": lambda site, person: site.service.call(
        "GET", "/users/me", token=person.access_token
    )[0],
    "sign-in": lambda site, person: site.service.sign_in(person.email)[0],
    "refresh": lambda site, person: site.service.call(
        "POST", "/auth/refresh", {"refresh_token": person.refresh_token}
    )[0],
    # By now every user had a turn, so these are the users of the first operation.
    "`GET /users/me` of the same users again": lambda site, person: site.service.call(
        "GET", "/users/me", token=person.access_token
    )[0],
    "the admin's list of users": lambda site, _: site.look(USERS),
    "the admin's search by address": lambda site, person: site.look(f"{USERS}?q={person.email}"),
    "the admin's list of events": lambda site, _: site.look(EVENTS),
}


def ask(site: Site, title: str, number: int) -> list[float]:
    """Send so many requests, each about the next of the people; return their milliseconds."""
    times = []
    for person in itertools.islice(site.people, number):
        started = time.monotonic()
        status = OPERATIONS[title](site, person)
        times.append((time.monotonic() - started) * 1000)
        if status != 200:
            raise SystemExit(f"{title} with {site.users:,} users: status {status}")
    return times


def measure(sites: list[Site], title: str, requests: int) -> list[str]:
    """Return a row of the table: of each site the median and the 99th percentile."""
    for site in sites:
        ask(site, title, WARM_UP)
    times: dict[Site, list[float]] = {site: [] for site in sites}
    for _, site in itertools.product(range(requests // BLOCK), sites):
        times[site] += ask(site, title, BLOCK)
    medians = [statistics.median(times[site]) for site in sites]
    cells = [
        f"{median:.1f} · {statistics.quantiles(times[site], n=100)[98]:.1f}"
        for median, site in zip(medians, sites, strict=True)
    ]
    return [title, *cells, *(f"{median / medians[0]:.2f}" for median in medians[1:])]


def print_row(cells: list[str]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


@contextlib.contextmanager
def serving_sites(sizes: list[int]) -> Iterator[list[Site]]:
    """Make a site for each number of users, the largest last, and set Django up for that one."""
    sites = []
    with contextlib.ExitStack() as stack:
        for users in sorted(sizes):
            settings = environment(stack.enter_context(database()))
            sites.append(Site(users, {**settings, "SECRET_KEY": KEY, "JWT_SIGNING_KEY": KEY}))
            sites[-1].seed()
        os.environ.update(sites[-1].settings, DJANGO_SETTINGS_MODULE="lazyrabbit.settings")
        django.setup()
        for site in sites:
            stack.enter_context(serving(site.settings))
        yield sites


class Inside:
    """A site asked from inside this process, where every query can be seen."""

    def __init__(self, site: Site) -> None:
        from django.test import Client  # noqa: PLC0415 (needs the settings)

        connection.close()
        cast("Any", connection).close_pool()  # It may be another site's.
        name = urlsplit(site.settings["DATABASE_URL"]).path.strip("/")
        connection.settings_dict["NAME"] = name
        self.service, self.people = self, site.people
        self.browser = Client(SERVER_NAME="127.0.0.1")
        self.browser.cookies[COOKIE] = site.cookie

    def call(self, method: str, path: str, body: Any = None, token: str = "") -> tuple[int]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        content = (json.dumps(body) if body else "", "application/json")
        answer = self.browser.generic(
            method, f"/api/v1{path}", *content, headers=headers, secure=True
        )
        return (answer.status_code,)

    def sign_in(self, email: str) -> tuple[int]:
        return self.call("POST", "/auth/signin", {"email": email, "password": PASSWORD})

    def look(self, path: str) -> int:
        return self.browser.get(path, secure=True).status_code

    def explain(self, title: str, options: str) -> list[Explained]:
        """Return what PostgreSQL does for an operation, and undo it."""
        with transaction.atomic(), explaining(f"ANALYZE, BUFFERS, {options}") as queries:
            if (status := OPERATIONS[title](self, next(self.people))) != 200:
                raise SystemExit(f"{title}: status {status}")
            transaction.set_rollback(True)
        return queries

    def pages(self, title: str) -> int:
        """Return how many pages the queries of an operation look at, in memory or not."""
        plans = (query.answer[0][0]["Plan"] for query in self.explain(title, "FORMAT JSON"))
        return sum(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in plans)


def print_pages(sites: list[Site]) -> None:
    print("\nPages of 8 kB that the queries of one request look at:\n")
    print_row(["", *(f"{site.users:,}" for site in sites)])
    print_row(["---"] * (1 + len(sites)))
    pages = [[Inside(site).pages(title) for title in OPERATIONS] for site in sites]
    for title, *numbers in zip(OPERATIONS, *pages, strict=True):
        print_row([title, *map(str, numbers)])


def print_plans(site: Site) -> None:
    """Print the plan of every query, each at the first operation that sends it."""
    inside, seen = Inside(site), set()
    for title in OPERATIONS:
        queries = inside.explain(title, "COSTS OFF, TIMING OFF")
        new = {query.sql: query for query in queries if query.sql not in seen}
        seen |= set(new)
        if new:
            print(f"\n### {title}\n")
        for query in new.values():
            print(f"```\n{readable(query)}\n```")


def main() -> None:
    parser = argparse.ArgumentParser(description="See the first line of this file.")
    parser.add_argument("--users", type=int, nargs="+", default=[1000, 100_000])
    parser.add_argument("--requests", type=int, default=300)
    chosen = parser.parse_args()
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        raise SystemExit("Set DATABASE_URL to the address of a PostgreSQL.")
    requests = chosen.requests // BLOCK * BLOCK
    with serving_sites(chosen.users) as sites:
        for site in sites:
            site.choose(3 * (WARM_UP + requests))
        sizes = [f"{site.users:,}" for site in sites]
        against = [f"{size} against {sizes[0]}" for size in sizes[1:]]
        print()
        print_row(["median · p99, ms", *sizes, *against])
        print_row(["---"] * (1 + len(sizes) + len(against)))
        for title in OPERATIONS:
            print_row(measure(sites, title, requests))
        print_pages(sites)
        print_plans(sites[-1])


if __name__ == "__main__":
    main()
