"""One row: what a service does with the load of one route, and what that costs."""

import math
from typing import NamedTuple

from bench import processes
from bench.candidates import Candidate
from bench.node import Node
from bench.service import Service
from bench.wrk import Load, Outcome, Plan, run

WARM_UP = 1  # Seconds.
# A day is no flood: with 40 requests a second, two of which hash, the cores have time left.
DAY_RATE = 40
DAY = ["me"] * 80 + ["refresh"] * 15 + ["signin"] * 4 + ["signup"]
# Beside 32 clients who sign in, eight who read, together 40 times a second.
FLOODERS, READERS, READER_PAUSE = 32, 8, 200

ROUTES = {
    "health": "GET /api/health",
    "me": "GET /users/me",
    "refresh": "POST /auth/refresh",
    "signin": "POST /auth/signin",
    "signup": "POST /auth/signup",
    "day": "a mixed day",
    "flood": "GET /users/me in a flood",
}
DECKS = {
    **{route: [route] for route in ROUTES},
    "day": [DAY[37 * turn % len(DAY)] for turn in range(len(DAY))],  # Mixed, always alike.
    "flood": ["me", "signin"],  # After the warm-up, each is a load of its own.
}
PAUSING = {"day", "flood"}


class Measure(NamedTuple):
    rate: float  # Good answers a second.
    p50: float  # Both in milliseconds, of good answers.
    p99: float
    cpu: float  # Microseconds for each request that was not refused.
    memory: float  # MB.
    errors: float  # How many answers and broken connections.
    refused: float  # How many answers 503.


def is_offered(route: str, candidate: Candidate) -> bool:
    knows_paths = set(DECKS[route]) <= set(candidate.paths)
    return knows_paths and (candidate.lets_pause or route not in PAUSING)


def plan(node: Node, service: Service, route: str, clients: int, seconds: int) -> Plan:
    deck = DECKS[route]
    return Plan(
        deck,
        node.candidate.paths,
        node.candidate.tokens[1],
        node.readers(service) if "me" in deck else [],
        node.refreshers(service, clients) if "refresh" in deck else [],
        node.users,
        clients,
        seconds,
        pause=1000 * clients // DAY_RATE if route == "day" else 0,
    )


def read_in_flood(node: Node, service: Service, seconds: int) -> Outcome:
    """Return what became of the reads; errors and refusals of the sign-ins count too."""
    reads = plan(node, service, "me", READERS, seconds)._replace(pause=READER_PAUSE)
    with Load(service.port, plan(node, service, "signin", FLOODERS, seconds + 2)) as flood:
        flood.wait(1)  # The queues are full then.
        outcome, signins = run(service.port, reads), flood.finish()
    outcome.errors += signins.errors
    outcome.refused += signins.refused
    return outcome


def measure(node: Node, service: Service, route: str, clients: int, seconds: int) -> Measure:
    run(service.port, plan(node, service, route, clients, WARM_UP))
    load = plan(node, service, route, clients, seconds)
    used = processes.idle_cpu_seconds(service.pid)
    is_flood = route == "flood"
    outcome = read_in_flood(node, service, seconds) if is_flood else run(service.port, load)
    used = processes.idle_cpu_seconds(service.pid) - used
    if 429 in outcome.statuses:
        raise SystemExit(f"{node.candidate.title}, {route}: a limit was met; this is no measure.")
    served = len(outcome.good) + outcome.errors
    return Measure(
        outcome.rate,
        outcome.percentile(50),
        outcome.percentile(99),
        # In a flood it is the sign-ins that cost, and not the reads.
        math.nan if is_flood or not served else 1_000_000 * used / served,
        processes.memory(service.pid),
        outcome.errors,
        outcome.refused,
    )
