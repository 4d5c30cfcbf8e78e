"""What does the dearest request of every route cost? ``make bench-worst`` measures it.

    DATABASE_URL=postgres://… python -m bench.worst

Each route gets the largest that it takes: a body of 64 KiB that is slow to read, the longest
fields, a user agent of 8 KB that no request had before, and an account with as many sessions as one
may have and with a thousand events. The CPU time is that of all processes of the server, without
PostgreSQL. A route that costs more than its bound would let one person keep the others waiting.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from itertools import count
from typing import Any, NamedTuple
from urllib.parse import quote

from bench import processes, tables
from bench.service import JSON, PASSWORD, Service, database, environment, manage, serving

BOUND = 40  # Milliseconds without its hashes: twenty-five of these a second take a core.
HASH = 400  # So many at most for each hash.
ROUNDS = 10  # Of a request that can be repeated.
MAX_BODY = 64 * 1024
LONG_NAME = "𠀀" * 200  # Four bytes each.
LONG_PASSWORD = "".join(map(chr, range(0x20000, 0x20080)))  # Nothing in it is repeated.
SESSIONS, EVENTS = 50, 1000
# As long as an email address may be.
DOMAIN = ".".join("b" * 58 for _ in range(3)) + ".example.com"
PREPARE = """
from datetime import timedelta
from django.contrib.auth.hashers import make_password
from django.utils import timezone
from accounts.events.models import Event
from accounts.links.models import Link, digest
from accounts.sessions.models import Session
from accounts.users.models import User
now, password = timezone.now(), make_password({password!r})
later = now + timedelta(days=1)
for number, email in enumerate({emails!r}):
    user = User.objects.create(email=email, full_name={name!r}, password=password)
    Session.objects.bulk_create(
        Session(user=user, user_agent="x" * 512, ip_address="192.0.2.7", network="192.0.2.7",
                created_at=now, last_used_at=now, expires_at=later)
        for _ in range({sessions} - 1))
    Event.objects.bulk_create(
        Event(name="profile_changed", user=user, user_agent="x" * 512, ip_address="192.0.2.7",
              details={{"fields": ["full_name"]}}) for _ in range({events}))
    Link.objects.bulk_create(
        Link(user=user, purpose=purpose, email=address, expires_at=later,
             digest=digest(f"{{purpose}}-{{number}}"))
        for purpose, address in [("verify-email", email), ("reset-password", email),
            ("confirm-email-change", "c" + email[1:]), ("undo-email-change", "u" + email[1:])])
"""


class Person:
    """A person who is signed in, with links in the mailbox."""

    def __init__(self, number: int) -> None:
        self.number, self.email, self.password = number, address(number), PASSWORD
        self.access = self.refresh = ""

    def take(self, tokens: dict[str, Any]) -> None:
        self.access, self.refresh = tokens["access_token"], tokens["refresh_token"]

    def link(self, purpose: str) -> dict[str, str]:
        return {"token": f"{purpose}-{self.number}"}

    def credentials(self) -> dict[str, str]:
        return {"email": self.email, "password": self.password}

    def owned(self) -> dict[str, str]:
        return {"current_password": self.password}

    def changed(self, member: str) -> dict[str, str]:
        """Return the change to another password, which is as long as one may be."""
        new = f"{next(numbers):04}{LONG_PASSWORD}"[:128]
        body = {**self.owned(), member: new}
        self.password = new
        return body


class Route(NamedTuple):
    """An operation of the schema, or a second way to ask it, with the largest that it takes."""

    method: str
    path: str
    status: int
    body: Callable[[Person], dict[str, Any]] | None = None
    query: str = ""
    hashes: int = 0
    group: int = 0  # The persons that it is asked for: it may leave nothing for another route.
    rounds: int = 1


numbers = count()
AUTH, ME = "/api/v1/auth", "/api/v1/users/me"
UNKNOWN = "/15811b57-a172-47dc-99ba-0896ae884b36"
ROUTES = [
    Route("GET", "/api/health", 200, rounds=ROUNDS),
    Route("GET", ME, 200, rounds=ROUNDS),
    Route("GET", f"{ME}/sessions", 200, rounds=ROUNDS),
    Route("GET", f"{ME}/events", 200, query="?limit=100", rounds=ROUNDS),
    Route("GET", f"{ME}/events", 200, query="?limit=100&offset=1000000", rounds=ROUNDS),
    Route("DELETE", f"{ME}/sessions/{{id}}", 404, rounds=ROUNDS),
    Route("POST", f"{AUTH}/refresh", 200, lambda p: {"refresh_token": p.refresh}, rounds=ROUNDS),
    Route("PATCH", ME, 200, lambda _: {"full_name": LONG_NAME}, rounds=ROUNDS),
    Route("POST", f"{AUTH}/forgot-password", 202, lambda p: {"email": p.email}, rounds=ROUNDS),
    Route("POST", f"{AUTH}/resend-verification", 202, lambda p: {"email": p.email}, rounds=ROUNDS),
    Route("POST", f"{AUTH}/signup", 201, lambda _: signing_up(), hashes=1),
    Route("POST", f"{AUTH}/signin", 200, Person.credentials, hashes=1),
    Route("POST", f"{AUTH}/verify-email", 200,
          lambda p: p.link("verify-email") | p.owned(), hashes=1),
    Route("POST", f"{AUTH}/confirm-email-change", 200,
          lambda p: p.link("confirm-email-change") | p.owned(), hashes=1),
    Route("POST", f"{ME}/change-email", 202,
          lambda p: {"new_email": address(next(numbers), "n")} | p.owned(), hashes=1),
    Route("POST", f"{ME}/change-password", 200, lambda p: p.changed("new_password"), hashes=2),
    Route("PATCH", ME, 200, lambda p: p.changed("password") | {"full_name": LONG_NAME}, hashes=2),
    Route("POST", f"{AUTH}/signout", 204, lambda _: {"scope": "global"}),
    Route("POST", f"{AUTH}/reset-password", 200,
          lambda p: p.link("reset-password") | {"password": LONG_PASSWORD}, hashes=1, group=1),
    Route("POST", f"{AUTH}/undo-email-change", 200, lambda p: p.link("undo-email-change"), group=1),
    Route("DELETE", ME, 204, Person.owned, hashes=1, group=2),
]  # fmt: skip


def address(number: int, letter: str = "a") -> str:
    return f"{letter}{number:04}{letter * 59}@{DOMAIN}"


def signing_up() -> dict[str, str]:
    email = address(next(numbers), "s")
    return {"email": email, "password": LONG_PASSWORD, "full_name": LONG_NAME}


def padded(fields: dict[str, Any]) -> bytes:
    """Return the fields in a body of 64 KiB; the rest is what takes longest to look through."""
    bare = json.dumps({**fields, "more": []}, separators=(",", ":"))
    room = (MAX_BODY - len(bare)) // len("{},") - 1
    return json.dumps({**fields, "more": [{}] * room}, separators=(",", ":")).encode()


def send(service: Service, route: Route, person: Person) -> Any:
    """Ask once, and return the body of the answer."""
    headers = {
        **JSON,
        "User-Agent": f"{next(numbers)} https://evil.example/1.0 (".ljust(8000, "/"),
        "Accept-Language": "es;q=0.1," * 50,
        "X-Forwarded-For": "192.0.2.7," * 700 + "192.0.2.7",
        "Authorization": f"Bearer {person.access}",
    }
    body = padded(route.body(person)) if route.body else None
    path = quote(route.path.replace("/{id}", UNKNOWN)) + route.query
    with closing(HTTPConnection("127.0.0.1", service.port, timeout=60)) as server:
        server.request(route.method, path, body, headers)
        answer = server.getresponse()
        content = answer.read()
    if answer.status != route.status:
        raise SystemExit(f"{route.method} {path}: {answer.status} {content.decode()}")
    return json.loads(content) if content else None


def measure(service: Service, route: Route, people: list[Person]) -> float:
    """Return the milliseconds of CPU of a request."""
    used = processes.idle_cpu_seconds(service.pid)
    for person in people * route.rounds:
        answer = send(service, route, person)
        if route.path.endswith("/refresh"):
            person.take(answer)
    used = processes.idle_cpu_seconds(service.pid) - used
    return used * 1000 / (len(people) * route.rounds)


def prepare(settings: dict[str, str], people: list[Person]) -> None:
    manage(settings, "migrate", "--verbosity", "0")
    script = PREPARE.format(
        password=PASSWORD,
        emails=[person.email for person in people],
        name=LONG_NAME,
        sessions=SESSIONS,
        events=EVENTS,
    )
    manage(settings, "shell", "--verbosity", "0", "--command", script)


def costs(number: int) -> Iterator[tuple[Route, float]]:
    """Yield what a request of each route costs, with so many persons in each group."""
    groups = 1 + max(route.group for route in ROUTES)
    people = [Person(index) for index in range(number * groups)]
    with database() as url:
        settings = environment(url)
        prepare(settings, people)
        with serving(settings) as service:
            for person in people:
                person.take(service.sign_in(person.email)[1])
            for route in ROUTES:
                yield route, measure(service, route, people[route.group :: groups])


def main() -> None:
    parser = argparse.ArgumentParser(description="See the first line of this file.")
    parser.add_argument("--people", type=int, default=10, help="in each group")
    chosen = parser.parse_args()
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        parser.error("DATABASE_URL has to name a PostgreSQL server.")
    tables.print_heading(["route", "hashes", "CPU, ms/request", "at most"])
    dear = []
    for route, cost in costs(chosen.people):
        title, bound = f"`{route.method} {route.path}{route.query}`", BOUND + HASH * route.hashes
        tables.print_line([title, str(route.hashes or ""), tables.number(cost), str(bound)])
        if cost > bound:
            dear.append(title)
    if dear:
        raise SystemExit(f"Over their bound: {', '.join(dear)}.")


if __name__ == "__main__":
    main()
