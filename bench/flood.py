"""How fast does `GET /users/me` stay while 32 clients flood sign-in, and how many get in?

    DATABASE_URL=postgres://… python -m bench.flood

A client that is told 503 comes back when it is asked to: after up to a second, at an instant of its
own. The reader sends a fixed number of requests a second, as people would: one that waits for the
answer before would send fewer when the service is slow, and so hide that.
"""

import argparse
import contextlib
import http.client
import itertools
import os
import random
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import bcrypt

from bench.service import Service, database, environment, make_users, serving

CLIENTS = 32
READS_PER_SECOND = 40


class Reads(NamedTuple):
    p50: float  # Both in milliseconds.
    p99: float
    errors: int


class Signins(NamedTuple):
    rate: float  # Successes a second.
    refused: float  # Answers 503 a second.
    errors: int


def hash_alone(seconds: float) -> float:
    """Return how many hashes a second bcrypt computes with a thread for each core."""
    salt = bcrypt.gensalt(12)
    started = time.monotonic()

    def hash_until_the_end(turn: int) -> float:
        number = 0
        while time.monotonic() < started + seconds:
            bcrypt.hashpw(b"x" * 64, salt)
            number += 1
        return number / (time.monotonic() - started)  # The last one ends a little later.

    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as threads:
        return sum(threads.map(hash_until_the_end, range(cores)))


def flood(service: Service, emails: list[str], stop: threading.Event) -> Callable[[], Signins]:
    """Let 32 clients sign in again and again; the returned function stops them and counts."""
    outcomes: list[tuple[float, int]] = []
    started = time.monotonic()

    def client(own: list[str]) -> None:
        for email in itertools.cycle(own):
            if stop.is_set():
                return
            status, _, wait = service.sign_in(email)
            outcomes.append((time.monotonic(), status))
            stop.wait(random.uniform(0, min(wait, 1)))  # noqa: S311 (spreads load, no secret)

    threads = [threading.Thread(target=client, args=[emails[n::CLIENTS]]) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()

    def result() -> Signins:
        stop.set()
        ended = time.monotonic()
        for thread in threads:
            thread.join(60)
        # Without the first second, when the queues were not full yet.
        counted = [status for at, status in outcomes if started + 1 < at <= ended]
        seconds = ended - started - 1
        good, refused = counted.count(200), counted.count(503)
        return Signins(good / seconds, refused / seconds, len(counted) - good - refused)

    return result


def read(service: Service, token: str, seconds: float) -> Reads:
    """Send a fixed number of reads a second, and time each from the instant when it was due."""
    started = time.monotonic()
    number = int(seconds * READS_PER_SECOND)

    def get(due: float) -> tuple[float, bool]:
        with contextlib.suppress(OSError, http.client.HTTPException):
            status, *_ = service.call("GET", "/users/me", token=token)
            return time.monotonic() - due, status == 200
        return time.monotonic() - due, False

    with ThreadPoolExecutor(number) as threads:
        sent = []
        for turn in range(number):
            due = started + turn / READS_PER_SECOND
            time.sleep(max(0, due - time.monotonic()))
            sent.append(threads.submit(get, due))
        answers = [answer.result() for answer in sent]
    percentiles = statistics.quantiles((1000 * took for took, _ in answers), n=100)
    return Reads(percentiles[49], percentiles[98], sum(not good for _, good in answers))


def measure(emails: list[str], settings: dict[str, str], seconds: float) -> list[float]:
    """Return one row: reads alone, sign-ins alone, and both at once."""
    hashes = hash_alone(3)  # Less than in other runs: something else is using the machine.
    with serving(settings) as service:
        token = service.sign_in(emails[0])[1]["access_token"]
        read(service, token, 2)  # Opens connections, loads what is loaded late.
        reads_alone = read(service, token, seconds)
        result = flood(service, emails, threading.Event())
        time.sleep(seconds + 1)
        signins_alone = result()
        result = flood(service, emails, threading.Event())
        time.sleep(1)
        reads, signins = read(service, token, seconds), result()
    errors = reads_alone.errors + reads.errors + signins_alone.errors + signins.errors
    return [
        hashes,
        reads_alone.p50,
        reads_alone.p99,
        signins_alone.rate,
        reads.p50,
        reads.p99,
        errors,
        signins.rate,
        signins.refused,
        100 * signins.rate / signins_alone.rate,
    ]


HEADINGS = [
    "bcrypt alone, 1/s",
    "GET alone p50, ms",
    "GET alone p99, ms",
    "sign-ins alone, 1/s",
    "GET in the flood p50, ms",
    "GET in the flood p99, ms",
    "errors",
    "sign-ins in the flood, 1/s",
    "503 in the flood, 1/s",
    "sign-ins kept, %",
]


def main() -> None:
    parser = argparse.ArgumentParser(description="See the first line of this file.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    chosen = parser.parse_args()
    with database() as url:
        settings = environment(url)
        emails = make_users(settings, 320)
        runs = []
        for _ in range(chosen.runs):
            runs.append(measure(emails, settings, chosen.seconds))
            print([round(value, 1) for value in runs[-1]], flush=True)
    print(f"\n| | median of {chosen.runs} |\n|---|---|")
    for heading, column in zip(HEADINGS, zip(*runs, strict=True), strict=True):
        print(f"| {heading} | {statistics.median(column):.1f} |")


if __name__ == "__main__":
    main()
