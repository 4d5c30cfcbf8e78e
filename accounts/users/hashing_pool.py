"""A few threads that do nothing but hash, and the lines before them: one for each network.

The networks that wait take turns, so that a flood from one makes people elsewhere wait for a few
hashes at most.
"""

import os
import random
import sys
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from math import ceil
from queue import SimpleQueue
from threading import Lock
from time import thread_time
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import connections
from prometheus_client import Gauge

from accounts.errors import Overloaded

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

QUEUED = Gauge("hashes_queued", "Passwords waiting for their hash.", multiprocess_mode="livesum")
RUNNING = Gauge("hashes_in_progress", "Passwords being hashed.", multiprocess_mode="livesum")
# Of two threads that both want a core, the one ten steps nicer gets about a tenth of it.
NICENESS = 10
SECONDS = 0.25  # What a hash takes, until it is known better.
WEIGHT = 0.1  # Of the newest hash in the average.


class Asker:
    """On whose behalf passwords are hashed. The network is found out with the first of them."""

    def __init__(self, find_network: Callable[[], str]) -> None:
        self.find_network = find_network
        self.has_hashed = False


COMMAND = Asker(lambda: "command")  # Whatever hashes outside of a request shares one line.
asker: ContextVar[Asker] = ContextVar("asker", default=COMMAND)


class Ticket:
    """A hash that waits for its turn, and where its result is expected."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function, self.result = function, Future[Any]()

    def use(self) -> int:
        """Compute it, and return how many hashes that were."""
        try:
            self.result.set_result(self.function())
        except BaseException as error:  # noqa: BLE001 (whatever it is, the request waits for it)
            self.result.set_exception(error)
        return 1


class Turn(Ticket):
    """A place that a request keeps for a while, for whatever it hashes then."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.tickets: SimpleQueue[Ticket | None] = SimpleQueue()

    def use(self) -> int:
        """Compute what the request asks for, until it needs no more."""
        super().use()
        return sum(ticket.use() for ticket in iter(self.tickets.get, None))


held: ContextVar[Turn | None] = ContextVar("held", default=None)


class Lines:
    """The tickets that wait, a line for each network, in the order of the networks' turns."""

    def __init__(self) -> None:
        self.by_network: dict[str, deque[Ticket]] = {}
        self.length = 0

    def add(self, network: str, ticket: Ticket, *, first: bool) -> None:
        line = self.by_network.setdefault(network, deque())
        if first:
            line.appendleft(ticket)
        else:
            line.append(ticket)
        self.length += 1

    def take(self) -> Ticket | None:
        """Return whose turn it is; the turn of their network comes again after all others'."""
        if not self.by_network:
            return None
        network = next(iter(self.by_network))
        line = self.by_network.pop(network)
        ticket = line.popleft()
        if line:
            self.by_network[network] = line
        self.length -= 1
        return ticket

    def remove(self, network: str, ticket: Ticket) -> bool:
        """Return whether the ticket still waited, and waits no more."""
        line = self.by_network.get(network, deque())
        if ticket not in line:
            return False
        line.remove(ticket)
        self.length -= 1
        if not line:
            del self.by_network[network]
        return True

    def before(self, network: str, *, first: bool) -> int:
        """Return how many hashes come before one that joins the network's line now."""
        line = self.by_network.get(network)
        own = len(line) if line and not first else 0
        # A network with a line may have its turns before the others or after them.
        return own + sum(
            min(len(other), own + 1) for other in self.by_network.values() if other is not line
        )

    def shorten(self, network: str) -> Ticket | None:
        """Take the newest ticket from the longest line, if it is longer than the network's own."""
        longest = max(self.by_network, key=lambda name: len(self.by_network[name]), default=network)
        own = len(self.by_network.get(network, ()))
        if len(self.by_network.get(longest, ())) <= own + 1:
            return None
        self.length -= 1
        return self.by_network[longest].pop()


def lower_priority() -> None:
    """Let every other thread go first.

    Only Linux has a priority for each thread. Where even that may not be set, the hashes still
    get no more than their number of threads.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            this_thread = 0
            niceness = os.getpriority(os.PRIO_PROCESS, this_thread) + NICENESS
            os.setpriority(os.PRIO_PROCESS, this_thread, niceness)


class HashingPool:
    """Computes ``threads`` hashes at once; others wait for ``patience`` seconds at most.

    Of those that wait there are ``places`` at most, since each holds a thread of the server.
    ``share`` is how many such threads there are on the machine for each of its cores. A hash must
    not use the pool itself: with every thread waiting for one more, none would end.
    """

    def __init__(
        self, threads: int, patience: float, places: int = sys.maxsize, share: float = 1
    ) -> None:
        self.size, self.patience, self.places = threads, patience, places
        self.share = max(1, share)
        self.renew()

    def renew(self) -> None:
        """Start anew, without a thread before the first hash: a fork inherits no threads."""
        self.lock, self.lines = Lock(), Lines()
        self.running, self.seconds = 0, SECONDS
        self.threads = ThreadPoolExecutor(self.size, "hashing", initializer=lower_priority)

    def wait(self, network: str, *, first: bool = False) -> float:
        """Return for how many seconds a hash for the network would wait.

        It is assumed that every worker of the machine is as busy as this one.
        """
        turns = self.lines.before(network, first=first) + 1 - (self.size - self.running)
        return max(0, turns) * self.seconds * self.share / self.size

    def refuse_if_full(self) -> None:
        """Raise Overloaded before work that would be in vain, if the wait would be too long."""
        network = asker.get().find_network()
        with self.lock:
            self.refuse_if_too_long(network)

    def refuse_if_too_long(self, network: str) -> None:
        wait = self.wait(network)
        is_full = self.lines.length >= self.places
        if wait > self.patience or (is_full and not self.make_room(network)):
            raise overloaded(wait)

    def make_room(self, network: str) -> bool:
        """Refuse the newest of the network that has the most of all places."""
        evicted = self.lines.shorten(network)
        if evicted is None:
            return False
        QUEUED.dec()
        evicted.result.set_exception(overloaded(self.lines.length * self.seconds / self.size))
        return True

    def run(
        self,
        function: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Return what the function returns, or raise what it raises, computed in the pool.

        Raises Overloaded: at once if the wait would be too long, or when it has become so. Who
        waits holds no connection to the database, except in a transaction.
        """
        ticket = Ticket(partial(function, *args, **kwargs))
        if turn := held.get():
            give_connections_back()
            turn.tickets.put(ticket)
            result: Result = ticket.result.result()
        else:
            result = self.queue(ticket)
        return result

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and keep it for what is hashed inside.

        So what is counted inside is not counted while it waits. Raises what ``run`` raises.
        """
        turn = Turn()
        self.queue(turn)
        token = held.set(turn)
        try:
            yield
        finally:
            held.reset(token)
            turn.tickets.put(None)

    def queue(self, ticket: Ticket) -> Any:
        """Let the ticket wait in its line, and return its result."""
        give_connections_back()
        who = asker.get()
        network = who.find_network()
        with self.lock:
            # What has waited once goes on first: refused now, its first hash was in vain.
            if not who.has_hashed:
                self.refuse_if_too_long(network)
            self.threads.submit(self.hash_next)
            self.lines.add(network, ticket, first=who.has_hashed)
            QUEUED.inc()
        result = self.result(network, ticket)
        who.has_hashed = who is not COMMAND
        return result

    def result(self, network: str, ticket: Ticket) -> Any:
        """Wait for the result. Raises Overloaded when the turn does not come in time."""
        with suppress(TimeoutError):
            return ticket.result.result(self.patience or None)
        with self.lock:
            if self.lines.remove(network, ticket):
                QUEUED.dec()
                raise overloaded(self.wait(network))
        return ticket.result.result()

    def hash_next(self) -> None:
        """Compute the hash whose turn has come, if its request is still waiting."""
        with self.lock:
            ticket = self.lines.take()
            if ticket is None:
                return
            self.running += 1
        QUEUED.dec()
        started = thread_time()
        with RUNNING.track_inprogress():
            number = ticket.use()
        with self.lock:
            self.running -= 1
            if number:
                self.seconds += WEIGHT * ((thread_time() - started) / number - self.seconds)


def give_connections_back() -> None:
    """Keep no connection to the database from others, unless a transaction needs it."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


def overloaded(wait: float) -> Overloaded:
    """Return the error that says when to come again: each at an instant of its own."""
    return Overloaded(ceil(wait + random.uniform(0, max(1, wait / 2))))  # noqa: S311 (no secret)


pool = HashingPool(
    settings.HASHING_THREADS,
    settings.HASHING_WAIT_SECONDS,
    settings.THREADS - settings.READING_THREADS,
    settings.HASHING_THREADS * settings.WORKERS / settings.CORES,
)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool.renew)
