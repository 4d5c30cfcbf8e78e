"""How many instructions does a request take? ``make bench-instructions`` counts them.

Valgrind counts what a server does in user mode. A time changes with whatever else the machine does;
a count is the same to a hundredth, so a change of few per cent can be told from noise. It leaves
out the kernel, the database, and all waiting.
"""

import argparse
import os
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

from bench import tables
from bench.candidates import CANDIDATES
from bench.compare import names_of
from bench.node import Node, prepared
from bench.service import JSON

ROUTES = ["health", "me", "refresh"]  # A sign-in is a hash and little else.
FEW, MANY = 40, 440  # Requests; between them lies no start of a server.
CLIENTS = 4
USERS = 100
# It starts forty times slower, which no master waits for, and sets are in the same order each time.
SETTINGS = {"GUNICORN_CMD_ARGS": "--timeout 0", "PYTHONHASHSEED": "0"}
VALGRIND = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]


def count(node: Node, route: str) -> float:
    """Return the thousands of instructions of a request."""
    few, many = (total(node, route, requests) for requests in (FEW, MANY))
    return (many - few) / (MANY - FEW) / 1000


def total(node: Node, route: str, requests: int) -> int:
    """Return the instructions of a server with one worker, from its start to its end."""
    tokens = make_tokens(node, route)
    with tempfile.TemporaryDirectory() as folder:
        counting = [*VALGRIND, "--trace-children=yes", f"--log-file={folder}/%p"]
        with (
            node.serving(before=counting, after=["--workers", "1"]) as service,
            ThreadPoolExecutor(CLIENTS) as clients,
        ):
            list(clients.map(partial(send, node, service.port, route, requests // CLIENTS), tokens))
        logs = [path.read_text() for path in Path(folder).iterdir()]
    found = (re.search(r"I +refs: +([0-9,]+)", log) for log in logs)
    return sum(int(refs[1].replace(",", "")) for refs in found if refs)


def make_tokens(node: Node, route: str) -> list[str]:
    """Return a token for each client, from a server that hashes at its own speed."""
    if route == "health":
        return [""] * CLIENTS
    with node.serving() as service:
        pairs = node.sign_in_many(service, CLIENTS)
    return [refresh if route == "refresh" else access for access, refresh in pairs]


def send(node: Node, port: int, route: str, requests: int, token: str) -> None:
    """Send so many requests over one connection; each refresh with the token of the last one."""
    path, key = node.candidate.paths[route], node.candidate.tokens[1]
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as server:
        for _ in range(requests):
            if route == "refresh":
                server.request("POST", path, f'{{"{key}": "{token}"}}', JSON)
            else:
                server.request("GET", path, headers={**JSON, "Authorization": f"Bearer {token}"})
            answer = server.getresponse()
            body = answer.read().decode()
            if answer.status != 200:
                raise SystemExit(f"{node.candidate.title}, {route}: {answer.status} {body}")
            if route == "refresh":
                (token,) = re.findall(rf'"{key}": *"([^"]+)"', body)


def main() -> None:
    parser = argparse.ArgumentParser(description="See the first line of this file.")
    parser.add_argument("--services", type=names_of(CANDIDATES), default=["ours"])
    parser.add_argument("--routes", type=names_of(ROUTES), default=ROUTES)
    chosen = parser.parse_args()
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        parser.error("DATABASE_URL has to name a PostgreSQL server.")
    tables.print_heading(["service", "route", "thousands of instructions"])
    for name in chosen.services:
        with prepared(CANDIDATES[name], USERS) as node:
            node.settings |= SETTINGS
            for route in [route for route in chosen.routes if route in node.candidate.paths]:
                tables.print_line([node.candidate.title, route, f"{count(node, route):.0f}"])


if __name__ == "__main__":
    main()
