"""Does the time of a failed sign-in tell what kind of account the address has?

    DATABASE_URL=postgres://… python -m bench.equal_time

One request at a time, the kinds in a new order every round, so that whatever else the machine does
meets all of them alike.
"""

import argparse
import random
import statistics
import time

from bench.service import Service, database, environment, make_users, manage, serving

KINDS = ("known", "unknown", "inactive", "unusable", "imported")
# One account of every kind; nobody made one for the unknown address.
PREPARE = """
import bcrypt
from accounts.users.models import User
old = bcrypt.hashpw(b"old password", bcrypt.gensalt(12))
for kind, fields in {
    "known": {},
    "inactive": {"is_active": False},
    "unusable": {"password": "!"},
    "imported": {"password": "bcrypt$" + old.decode()},
}.items():
    user = User.objects.create_user(f"{kind}@example.com", "correct horse battery staple")
    User.objects.filter(pk=user.pk).update(**{"password": user.password, **fields})
"""


def attempt(service: Service, kind: str) -> float:
    """Return how many milliseconds a wrong password takes."""
    started = time.monotonic()
    status, *_ = service.sign_in(f"{kind}@example.com", "wrong password")
    if status != 401:
        raise SystemExit(f"{kind}: {status} instead of 401")
    return (time.monotonic() - started) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description="See the first line of this file.")
    parser.add_argument("--rounds", type=int, default=50)
    chosen = parser.parse_args()
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with database() as url:
        settings = environment(url)
        make_users(settings, 1)
        manage(settings, "shell", "--verbosity", "0", "--command", PREPARE)
        with serving(settings) as service:
            for kind in KINDS * 2:  # Each worker loads what it loads late.
                attempt(service, kind)
            for _ in range(chosen.rounds):
                for kind in random.sample(KINDS, len(KINDS)):
                    times[kind].append(attempt(service, kind))
    medians = {kind: statistics.median(times[kind]) for kind in KINDS}
    print(f"| account | median of {chosen.rounds}, ms | against known |\n|---|---|---|")
    for kind, median in medians.items():
        print(f"| {kind} | {median:.1f} | {median / medians['known']:.3f} |")
    print(f"\nslowest / fastest: {max(medians.values()) / min(medians.values()):.3f}")


if __name__ == "__main__":
    main()
