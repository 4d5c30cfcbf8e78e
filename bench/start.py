"""How long a server takes to its first answer, and how much memory it has then and later."""

import tempfile
from typing import NamedTuple

from bench import processes
from bench.service import environment, running


class Start(NamedTuple):
    seconds: float
    memory: float  # MB, of a service that has answered once.
    loaded: float  # MB, after everything that was asked of it.


def make_run() -> Start:
    """Start the service as a newcomer does for the second time, with SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        whole = environment(f"sqlite:///{folder}/bench.db")
        settings = {name: whole[name] for name in ("PATH", "PORT", "DATABASE_URL")}
        for _ in range(2):
            with running(["make", "run"], settings) as service:
                memory = processes.memory(service.pid)
                start = Start(service.started_in, memory, float("nan"))
    return start
