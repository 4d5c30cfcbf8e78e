"""How does our service compare with what else people build from? ``make bench`` runs it.

Every service runs on this machine with two workers and a PostgreSQL database of its own, one after
the other, and in every run again, so that whatever slows the machine down meets them all alike.
"""

import argparse
import itertools
import os
import signal
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import ExitStack

from bench import processes, tables
from bench.candidates import CANDIDATES
from bench.flood import hash_alone
from bench.measure import FLOODERS, ROUTES, is_offered, measure
from bench.node import Node, prepared
from bench.start import Start, make_run
from bench.tables import Measures


def run_once(node: Node, chosen: argparse.Namespace, measures: Measures) -> Start:
    """Start one service, measure each of its routes, and return what the start took."""
    title = node.candidate.title
    with node.serving() as service:
        processes.idle_cpu_seconds(service.pid)  # Until the other worker has started too.
        memory = processes.memory(service.pid)
        for clients, route in loads(chosen):
            if is_offered(route, node.candidate):
                row = measure(node, service, route, clients, chosen.seconds)
                measures[clients, route, title].append(row)
                print(title, route, clients, *tables.figures(row), file=sys.stderr, flush=True)
        return Start(service.started_in, memory, processes.memory(service.pid))


def loads(chosen: argparse.Namespace) -> Iterable[tuple[int, str]]:
    """Return each number of clients with each route; a flood is always the same."""
    pairs = itertools.product(chosen.connections, chosen.routes)
    return dict.fromkeys(
        (FLOODERS if route == "flood" else clients, route) for clients, route in pairs
    )


def compare(chosen: argparse.Namespace) -> None:
    measures: Measures = defaultdict(list)
    starts: dict[str, list[Start]] = defaultdict(list)
    hashes: list[float] = []
    with ExitStack() as databases:
        nodes = [
            databases.enter_context(prepared(CANDIDATES[name], chosen.users))
            for name in chosen.services
        ]
        for _ in range(chosen.runs):
            hashes.append(hash_alone(chosen.seconds))
            for node in nodes:
                starts[node.candidate.title].append(run_once(node, chosen, measures))
    starts["ours, make run"] = [make_run() for _ in range(chosen.runs)]
    tables.print_measures(measures)
    tables.print_starts(starts)
    print(f"\nbcrypt alone, on all cores: {statistics.median(hashes):.1f} hashes a second")


def names_of(known: Iterable[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        if unknown := set(chosen) - set(known):
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not of {', '.join(known)}")
        return chosen

    return parse


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description="See the first line of this file.")
    parser.add_argument("--services", type=names_of(CANDIDATES), default=[*CANDIDATES])
    parser.add_argument("--routes", type=names_of(ROUTES), default=[*ROUTES])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=numbers, default=[16], help="such as 1,8,32,128")
    parser.add_argument("--users", type=int, default=1000)
    chosen = parser.parse_args()
    # Ended from outside, it still stops its server and drops its databases.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        parser.error("DATABASE_URL has to name a PostgreSQL server.")
    compare(chosen)


if __name__ == "__main__":
    main()
