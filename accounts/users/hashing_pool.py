"""A few threads that do nothing but hash, so that a flood of sign-ins does not stop the rest."""

import contextlib
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import BoundedSemaphore
from typing import ParamSpec, TypeVar

from django.conf import settings
from prometheus_client import Gauge

from accounts.errors import Overloaded

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

QUEUED = Gauge("hashes_queued", "Passwords waiting for their hash.", multiprocess_mode="livesum")
RUNNING = Gauge("hashes_in_progress", "Passwords being hashed.", multiprocess_mode="livesum")
# Of two threads that both want a core, the one ten steps nicer gets about a tenth of it.
NICENESS = 10


def lower_priority() -> None:
    """Let every other thread go first.

    Only Linux has a priority for each thread. Where even that may not be set, the hashes still
    get no more than their number of threads.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            this_thread = 0
            niceness = os.getpriority(os.PRIO_PROCESS, this_thread) + NICENESS
            os.setpriority(os.PRIO_PROCESS, this_thread, niceness)


class HashingPool:
    """Computes ``threads`` hashes at once, while at most ``queue`` others wait for their turn.

    A hash must not use the pool itself: with every thread waiting for one more, none would end.
    """

    def __init__(self, threads: int, queue: int) -> None:
        self.size, self.queue = threads, queue
        self.renew()

    def renew(self) -> None:
        """Start anew, without a thread before the first hash: a fork inherits no threads."""
        self.places = BoundedSemaphore(self.size + self.queue)
        self.threads = ThreadPoolExecutor(self.size, "hashing", initializer=lower_priority)

    def refuse_if_full(self) -> None:
        """Raise Overloaded now, before work that would be in vain, when every place is taken."""
        if not self.places.acquire(blocking=False):
            raise Overloaded
        self.places.release()

    def run(
        self,
        function: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Return what the function returns, or raise what it raises, computed in the pool.

        Raises Overloaded at once when every place is taken. Whoever waits here holds one of the
        few threads that answer requests, so a longer queue would only stop the others.
        """
        if not self.places.acquire(blocking=False):
            raise Overloaded
        try:
            QUEUED.inc()
            return self.threads.submit(counted, partial(function, *args, **kwargs)).result()
        finally:
            self.places.release()


def counted(function: Callable[[], Result]) -> Result:
    """Call the function, whose turn has come."""
    QUEUED.dec()
    with RUNNING.track_inprogress():
        return function()


pool = HashingPool(settings.HASHING_THREADS, settings.HASHING_QUEUE)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=pool.renew)
