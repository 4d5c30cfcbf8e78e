"""Load on a service, sent by wrk with ``bench/load.lua``."""

import json
import os
import secrets
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Self

from bench import processes
from bench.service import PASSWORD, ROOT

PATIENCE = 60  # Seconds for the last answers; a client that still waits then counts as an error.
MICROSECONDS = 1_000_000


class Plan(NamedTuple):
    """The requests of the clients of one load."""

    deck: list[str]  # Kinds of request, in the order in which they come.
    paths: dict[str, str]
    key: str  # Of the refresh token, in the bodies of requests and of answers.
    access: list[str]
    refresh: list[str]  # One for each client, if it refreshes.
    users: int  # How many may sign in.
    clients: int
    seconds: int
    pause: int = 0  # Milliseconds between two requests of a client, on average.

    def write(self, file: Path, leave_to: int) -> None:
        random = {"seed": secrets.randbelow(2**31), "name": secrets.token_hex(4)}
        values = {**self._asdict(), **random, "password": PASSWORD, "exit": str(leave_to)}
        file.write_text(f"return {lua(values)}")


def lua(value: Any) -> str:
    """Return the value as Lua writes it; a string of ASCII is written as in JSON."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{name} = {lua(member)}" for name, member in value.items()) + "}"
    if isinstance(value, list):
        return "{" + ",".join(map(lua, value)) + "}"
    return json.dumps(value)


class Answer(NamedTuple):
    kind: str
    status: int
    sent_at: float  # Both in seconds.
    took: float

    @classmethod
    def parse(cls, kind: str, *numbers: str) -> Self:
        status, sent_at, took = map(int, numbers)
        return cls(kind, status, sent_at / MICROSECONDS, took / MICROSECONDS)


class Outcome:
    """The answers to a load. Only answers 2xx have a time."""

    def __init__(self, answers: Iterable[Answer], broken: int) -> None:
        answers = list(answers)
        self.good = [answer for answer in answers if 200 <= answer.status < 300]
        self.refused = sum(answer.status == 503 for answer in answers)
        self.errors = len(answers) - len(self.good) - self.refused + broken
        self.statuses = {answer.status for answer in answers}

    @property
    def rate(self) -> float:
        """Return how many were good a second, from the first request to the last answer."""
        if not self.good:
            return 0
        started = min(answer.sent_at for answer in self.good)
        ended = max(answer.sent_at + answer.took for answer in self.good)
        return len(self.good) / (ended - started)

    def percentile(self, percent: int) -> float:
        """Return milliseconds."""
        times = [1000 * answer.took for answer in self.good]
        return statistics.quantiles(times, n=100)[percent - 1] if len(times) > 1 else float("nan")


class Load:
    """A running wrk, with a thread for each client."""

    def __init__(self, port: int, plan: Plan) -> None:
        self.plan = plan
        self.has_begun = False
        self.folder = tempfile.TemporaryDirectory()
        self.exit = socket.create_server(("127.0.0.1", 0), backlog=plan.clients)
        file = Path(self.folder.name) / "plan.lua"
        plan.write(file, leave_to=self.exit.getsockname()[1])
        size = ["--threads", str(plan.clients), "--connections", str(plan.clients)]
        bounds = ["--duration", f"{plan.seconds + PATIENCE}s", "--timeout", f"{PATIENCE}s"]
        self.process = subprocess.Popen(  # noqa: S603
            ["wrk", *size, *bounds, "--script", "bench/load.lua", f"http://127.0.0.1:{port}"],  # noqa: S607
            cwd=ROOT,
            env={**os.environ, "PLAN": str(file)},
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.exit.close()
        self.folder.cleanup()

    def wait(self, seconds: float) -> None:
        """Wait until all clients are done, for so long at most."""
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            time.sleep(0.05)
            # Beside the clients wrk has one thread, which waits for the end of the duration.
            if processes.threads(self.process.pid) > 1:
                self.has_begun = True
            elif self.has_begun or self.process.poll() is not None:
                return

    def finish(self) -> Outcome:
        """Wait for the last answer, and return the outcome of all."""
        self.wait(self.plan.seconds + PATIENCE)
        waiting = processes.threads(self.process.pid) - 1
        self.process.send_signal(signal.SIGINT)
        output, _ = self.process.communicate(timeout=30)
        if self.process.returncode:
            raise SystemExit("wrk failed.")
        lines = [line.split() for line in output.splitlines()]
        answers = [Answer.parse(*words[1:]) for words in lines if words[:1] == ["answer"]]
        broken = sum(int(words[1]) for words in lines if words[:1] == ["broken"])
        return Outcome(answers, broken + waiting)


def run(port: int, plan: Plan) -> Outcome:
    with Load(port, plan) as load:
        return load.finish()
