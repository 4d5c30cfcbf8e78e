"""A pool of threads that only hash, with a queue for each network.

The networks take turns, so a flood from one of them delays people elsewhere by a few hashes.
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
SECONDS = 0.25  # What a hash takes, until one is measured.
WEIGHT = 0.1  # Of the newest hash in the average.


class Requester:
    """The request or command that passwords are hashed for; most requests never hash."""

    def __init__(self, find_network: Callable[[], str]) -> None:
        self.find_network = find_network
        self.has_hashed = False


COMMAND = Requester(lambda: "command")  # Hashes outside of requests share one queue.
requester: ContextVar[Requester] = ContextVar("requester", default=COMMAND)


class Ticket:
    """A hash that waits for its turn, and its future result."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.function, self.result = function, Future[Any]()

    def use(self) -> int:
        """Compute it, and return the number of hashes."""
        try:
            self.result.set_result(self.function())
        except BaseException as error:  # noqa: BLE001 (the request waits for any result)
            self.result.set_exception(error)
        return 1


class Turn(Ticket):
    """A turn that a request keeps for all the hashes it computes meanwhile."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.tickets: SimpleQueue[Ticket | None] = SimpleQueue()

    def use(self) -> int:
        """Compute hashes until the request ends the turn."""
        super().use()
        return sum(ticket.use() for ticket in iter(self.tickets.get, None))


held: ContextVar[Turn | None] = ContextVar("held", default=None)


class Queues:
    """The waiting tickets: a queue for each network, in the order of the networks' turns."""

    def __init__(self) -> None:
        self.by_network: dict[str, deque[Ticket]] = {}
        self.length = 0

    def add(self, network: str, ticket: Ticket, *, first: bool) -> None:
        queue = self.by_network.setdefault(network, deque())
        if first:
            queue.appendleft(ticket)
        else:
            queue.append(ticket)
        self.length += 1

    def take(self) -> Ticket | None:
        """Return the next ticket; its network's next turn comes after all the others."""
        if not self.by_network:
            return None
        network = next(iter(self.by_network))
        queue = self.by_network.pop(network)
        ticket = queue.popleft()
        if queue:
            self.by_network[network] = queue
        self.length -= 1
        return ticket

    def remove(self, network: str, ticket: Ticket) -> bool:
        """Remove a ticket; return whether it was still waiting."""
        queue = self.by_network.get(network, deque())
        if ticket not in queue:
            return False
        queue.remove(ticket)
        self.length -= 1
        if not queue:
            del self.by_network[network]
        return True

    def before(self, network: str, *, first: bool) -> int:
        """Return the number of hashes before one that joins the network's queue now."""
        queue = self.by_network.get(network)
        own = len(queue) if queue and not first else 0
        # The network's turns may come before or after those of the others: assume after.
        return own + sum(
            min(len(other), own + 1) for other in self.by_network.values() if other is not queue
        )

    def pop_from_longest(self, network: str) -> Ticket | None:
        """Remove and return the longest queue's newest ticket, if it is at least two longer."""
        longest = max(self.by_network, key=lambda name: len(self.by_network[name]), default=network)
        own = len(self.by_network.get(network, ()))
        if len(self.by_network.get(longest, ())) <= own + 1:
            return None
        self.length -= 1
        return self.by_network[longest].pop()


def lower_priority() -> None:
    # Only Linux has a priority for each thread. Elsewhere, and where it may not be set, the number
    # of threads still limits what hashes take.
    if sys.platform == "linux":
        with suppress(OSError):
            this_thread = 0
            niceness = os.getpriority(os.PRIO_PROCESS, this_thread) + NICENESS
            os.setpriority(os.PRIO_PROCESS, this_thread, niceness)


class HashingPool:
    """Computes ``threads`` hashes at once; up to ``places`` others wait up to ``patience`` seconds.

    ``share`` is the number of hashing threads on the machine for each of its cores.
    """

    # Each waiting hash holds a thread of the server, hence ``places``. A hash must not use the pool
    # itself: if every thread waited for one more, none would end.

    def __init__(
        self, threads: int, patience: float, places: int = sys.maxsize, share: float = 1
    ) -> None:
        self.size, self.patience, self.places = threads, patience, places
        self.share = max(1, share)
        self.renew()

    def renew(self) -> None:
        """Start with no threads and no tickets: a forked process inherits no threads."""
        self.lock, self.queues = Lock(), Queues()
        self.running, self.seconds = 0, SECONDS
        self.threads = ThreadPoolExecutor(self.size, "hashing", initializer=lower_priority)

    def wait(self, network: str, *, first: bool = False) -> float:
        """Return the seconds that a hash for the network would wait."""
        # All workers of the machine are assumed to be as busy as this one.
        turns = self.queues.before(network, first=first) + 1 - (self.size - self.running)
        return max(0, turns) * self.seconds * self.share / self.size

    def refuse_if_full(self) -> None:
        """Raise Overloaded if the wait would be too long: any work before it would be in vain."""
        network = requester.get().find_network()
        with self.lock:
            self.refuse_if_too_long(network)

    def refuse_if_too_long(self, network: str) -> None:
        wait = self.wait(network)
        is_full = self.queues.length >= self.places
        if wait > self.patience or (is_full and not self.evict(network)):
            raise overloaded(wait)

    def evict(self, network: str) -> bool:
        """Refuse the newest ticket of the longest queue; return False if none is longer."""
        evicted = self.queues.pop_from_longest(network)
        if evicted is None:
            return False
        QUEUED.dec()
        evicted.result.set_exception(overloaded(self.queues.length * self.seconds / self.size))
        return True

    def run(
        self,
        function: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Call the function in the pool, and return what it returns or raise what it raises.

        Raises Overloaded at once if the wait would be too long, or when it has become too long. A
        request that waits holds no database connection, except in a transaction.
        """
        ticket = Ticket(partial(function, *args, **kwargs))
        if turn := held.get():
            release_connections()
            turn.tickets.put(ticket)
            result: Result = ticket.result.result()
        else:
            result = self.queue(ticket)
        return result

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and keep it for the hashes inside. Raises what ``run`` raises.

        An attempt that is counted inside is not counted while it waits.
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
        """Let the ticket wait in its queue, and return its result."""
        release_connections()
        current = requester.get()
        network = current.find_network()
        with self.lock:
            # A request that has waited once goes first: if it were refused now, its first hash
            # would be in vain.
            if not current.has_hashed:
                self.refuse_if_too_long(network)
            self.threads.submit(self.hash_next)
            self.queues.add(network, ticket, first=current.has_hashed)
            QUEUED.inc()
        result = self.result(network, ticket)
        current.has_hashed = current is not COMMAND
        return result

    def result(self, network: str, ticket: Ticket) -> Any:
        """Wait for the result. Raises Overloaded if the turn does not come in time."""
        with suppress(TimeoutError):
            return ticket.result.result(self.patience or None)
        with self.lock:
            if self.queues.remove(network, ticket):
                QUEUED.dec()
                raise overloaded(self.wait(network))
        return ticket.result.result()

    def hash_next(self) -> None:
        """Compute the next hash, unless its request has stopped waiting."""
        with self.lock:
            ticket = self.queues.take()
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


def release_connections() -> None:
    """Release this thread's connections, which others can use, unless it is in a transaction."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


def overloaded(wait: float) -> Overloaded:
    # Each client is told a different time, so that they do not all return at once.
    return Overloaded(ceil(wait + random.uniform(0, max(1, wait / 2))))  # noqa: S311 (no secret)


pool = HashingPool(
    settings.HASHING_THREADS,
    settings.HASHING_WAIT_SECONDS,
    settings.THREADS - settings.READING_THREADS,
    settings.HASHING_THREADS * settings.WORKERS / settings.CORES,
)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool.renew)
