"""Does the time of an answer reveal whether an email address has an account, and of what kind?

    DATABASE_URL=postgres://… python -m bench.equal_time

One request at a time, the kinds in a new order every round, so that other load on the machine
affects all of them alike.
"""

import argparse
import itertools
import random
import statistics
import time
from typing import NamedTuple

from bench.service import Service, database, environment, make_users, manage, serving

# One account of every kind; the unknown email address has none.
PREPARE = """
import bcrypt
from django.utils import timezone
from accounts.users.models import User
old = bcrypt.hashpw(b"old password", bcrypt.gensalt(12))
for kind, fields in {
    "known": {},
    "verified": {"email_verified_at": timezone.now()},
    "inactive": {"is_active": False},
    "unusable": {"password": "!"},
    "imported": {"password": "bcrypt$" + old.decode()},
}.items():
    user = User.objects.create_user(f"{kind}@example.com", "correct horse battery staple")
    User.objects.filter(pk=user.pk).update(**{"password": user.password, **fields})
"""


class Question(NamedTuple):
    """A request about each kind of account, and the status of its answer."""

    title: str
    path: str
    status: int
    kinds: tuple[str, ...]


QUESTIONS = (
    Question(
        "a failed sign-in",
        "/auth/signin",
        401,
        ("known", "unknown", "inactive", "unusable", "imported"),
    ),
    Question(
        "a forgotten password",
        "/auth/forgot-password",
        202,
        ("known", "unknown", "inactive", "verified"),
    ),
    Question("a sign-up where addresses are verified", "/auth/signup", 202, ("known", "new")),
)
numbers = itertools.count()


def attempt(service: Service, question: Question, kind: str) -> float:
    """Return how many milliseconds the answer takes."""
    name = f"new{next(numbers)}" if kind == "new" else kind
    body = {"email": f"{name}@example.com", "password": "a wrong password"}
    started = time.monotonic()
    status, *_ = service.call("POST", question.path, body)
    if status != question.status:
        raise SystemExit(f"{question.title}, {kind}: {status} instead of {question.status}")
    return (time.monotonic() - started) * 1000


def ask(service: Service, question: Question, rounds: int) -> None:
    """Ask so often about each kind, and print the medians."""
    times: dict[str, list[float]] = {kind: [] for kind in question.kinds}
    for kind in question.kinds * 2:  # Each worker loads what it loads late.
        attempt(service, question, kind)
    for _ in range(rounds):
        for kind in random.sample(question.kinds, len(question.kinds)):
            times[kind].append(attempt(service, question, kind))
    medians = {kind: statistics.median(times[kind]) for kind in question.kinds}
    print(f"\n| {question.title} | median of {rounds}, ms | against known |\n|---|---|---|")
    for kind, median in medians.items():
        print(f"| {kind} | {median:.1f} | {median / medians['known']:.3f} |")
    print(f"\nslowest / fastest: {max(medians.values()) / min(medians.values()):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="See the first line of this file.")
    parser.add_argument("--rounds", type=int, default=50)
    chosen = parser.parse_args()
    with database() as url:
        settings = {**environment(url), "EMAIL_VERIFICATION": "required"}
        make_users(settings, 1)
        manage(settings, "shell", "--verbosity", "0", "--command", PREPARE)
        with serving(settings) as service:
            for question in QUESTIONS:
                ask(service, question, chosen.rounds)


if __name__ == "__main__":
    main()
