"""Do all people of a crowd get in if they sign in within the same second?

    DATABASE_URL=postgres://… python -m bench.crowd

Beside it, 40 reads a second go on. Then 32 clients flood sign-in, from one network and from a
thousand, and a bystander signs in again and again from a network of their own.
"""

import argparse
import contextlib
import http.client
import itertools
import random
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from bench.flood import CLIENTS, hash_alone, read
from bench.service import Service, database, environment, make_users, serving

BYSTANDER = "198.51.100.1"  # Of TEST-NET-2; the crowd and the flood come from 10.0.0.0/8.


class Answer(NamedTuple):
    status: int
    seconds: float
    wait: float


def enter(service: Service, email: str, address: str) -> Answer:
    """Sign in, as if from this address."""
    started = time.monotonic()
    status, wait = 0, 0.0
    with contextlib.suppress(OSError, http.client.HTTPException):
        status, _, wait = service.sign_in(email, address=address)
    return Answer(status, time.monotonic() - started, wait)


def crowd(service: Service, emails: list[str], token: str, hashes: float) -> list[float]:
    """Let these people sign in within a second, each from a network of their own, and read."""
    number = len(emails)
    expected = number / hashes
    with ThreadPoolExecutor(number + 1) as people:
        reads = people.submit(read, service, token, max(2, expected))
        started = time.monotonic()
        sent: list[Future[Answer]] = []
        for turn, email in enumerate(emails):
            time.sleep(max(0, started + turn / number - time.monotonic()))
            sent.append(people.submit(enter, service, email, f"10.{turn % 200}.0.1"))
        answers = [one.result() for one in sent]
        took = time.monotonic() - started
    statuses = [answer.status for answer in answers]
    p50, p99, errors = reads.result()
    failed = number - statuses.count(200) - statuses.count(503)
    return [
        statuses.count(200),
        statuses.count(503),
        failed,
        took,
        took / expected,
        p50,
        p99,
        errors,
    ]


def flood(
    service: Service, emails: list[str], networks: int, stop: threading.Event
) -> Callable[[], list[Answer]]:
    """Let 32 clients sign in again and again from so many networks, until told to stop."""
    answers: list[Answer] = []

    def client(own: list[str]) -> None:
        for email in itertools.cycle(own):
            if stop.is_set():
                return
            network = random.randrange(networks)  # noqa: S311 (no secret)
            address = f"10.{network // 250}.{network % 250}.1"
            answers.append(enter(service, email, address))
            stop.wait(answers[-1].wait)

    clients = [threading.Thread(target=client, args=[emails[n::CLIENTS]]) for n in range(CLIENTS)]
    for one in clients:
        one.start()

    def end() -> list[Answer]:
        stop.set()
        for one in clients:
            one.join(60)
        return answers

    return end


def bystand(
    service: Service, emails: list[str], networks: int, token: str, seconds: float
) -> list[float]:
    """Sign in as a bystander of a flood, again and again, while reads go on too."""
    end = flood(service, emails[1:], networks, threading.Event())
    time.sleep(2)
    started, own = time.monotonic(), []
    with ThreadPoolExecutor(1) as reader:
        reads = reader.submit(read, service, token, seconds)
        while time.monotonic() < started + seconds:
            own.append(enter(service, emails[0], BYSTANDER))
    others = end()
    p50, p99, errors = reads.result()
    took = [answer.seconds for answer in own]
    refused = sum(answer.status != 200 for answer in own)
    of_flood = statistics.median(answer.seconds for answer in others)
    return [len(own), refused, statistics.median(took), max(took), of_flood, p50, p99, errors]


CROWDS = [
    "in",
    "503",
    "failed",
    "last one, s",
    "against bcrypt",
    "GET p50, ms",
    "p99, ms",
    "errors",
]
FLOODS = [
    *("bystander's sign-ins", "refused", "median, s", "longest, s", "of the flood, s"),
    *("GET p50, ms", "p99, ms", "errors"),
]


def line(name: str, values: list[float]) -> None:
    cells = [f"{value:.2f}" if isinstance(value, float) else str(value) for value in values]
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def heading(names: list[str]) -> None:
    print(f"\n| | {' | '.join(names)} |\n|{'---|' * (len(names) + 1)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="See the first line of this file.")
    parser.add_argument("--people", type=int, nargs="+", default=[60, 200])
    parser.add_argument("--networks", type=int, nargs="*", default=[1, 1000])
    parser.add_argument("--seconds", type=float, default=20)
    chosen = parser.parse_args()
    with database() as url:
        settings = environment(url)
        emails = make_users(settings, max(320, *chosen.people))
        with serving(settings) as service:
            token = service.sign_in(emails[0])[1]["access_token"]
            read(service, token, 2)  # Opens connections, loads what is loaded late.
            heading(CROWDS)
            for people in chosen.people:
                hashes = hash_alone(4)
                line(f"{people}", crowd(service, emails[:people], token, hashes))
            heading(FLOODS)
            for networks in chosen.networks:
                result = bystand(service, emails, networks, token, chosen.seconds)
                line(f"{networks} networks", result)


if __name__ == "__main__":
    main()
