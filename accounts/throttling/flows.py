"""Take from limits before the work, and give back what should not have counted."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from math import ceil
from typing import NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from prometheus_client import metrics

from accounts.errors import TooManyAttempts
from accounts.throttling.limits import NAMES, Limit
from accounts.throttling.models import Counter

REFUSALS = metrics.Counter("limits_reached", "Attempts refused, by limit.", ["limit"])
for name in NAMES:  # From 0 on: to Prometheus, a series that begins with 1 has not risen.
    REFUSALS.labels(name)
# Writes into the audit log that the limit of this name was reached.
Report = Callable[[str], None]


class Tally(NamedTuple):
    """A limit, and what is counted against it in the window that goes on."""

    limit: Limit
    counter: Counter

    @property
    def is_reached(self) -> bool:
        return self.counter.count >= self.limit.maximum


def tallies(limits: Iterable[Limit]) -> list[Tally]:
    """Return those of the limits against which something is counted now."""
    by_key, now = {limit.key: limit for limit in limits}, timezone.now()
    counters = Counter.objects.filter(key__in=by_key)
    return [Tally(by_key[c.key], c) for c in counters if c.count and c.resets_at > now]


def take(limits: Iterable[Limit], report: Report) -> None:
    """Count one attempt against all of these limits, or against none.

    Raises TooManyAttempts if one of them is reached. That costs one indexed read, takes no lock
    and leaves the block as long as it was; only the first to be refused in a window is reported,
    so that a flood fills no log. The order of the keys keeps two takers from waiting for each
    other.
    """
    if not settings.THROTTLING:
        return
    ordered = sorted(limits)
    refuse_if_reached(ordered, report)
    with transaction.atomic():
        if Counter.objects.take(ordered):
            return
        transaction.set_rollback(True)
    refuse_if_reached(ordered, report)
    raise TooManyAttempts(wait=1)  # The window ended just now.


def record_unless_reached(limit: Limit, record: Callable[[], None]) -> None:
    """Count one more and record it, in one transaction, as long as the limit is not reached.

    Where it is, that costs one indexed read, and nothing is written.
    """
    if any(tally.is_reached for tally in tallies([limit])):
        return
    with transaction.atomic():
        if Counter.objects.take([limit]):
            record()


def refuse_if_reached(limits: list[Limit], report: Report) -> None:
    """Raise TooManyAttempts if one of the limits is reached, and count nothing."""
    if not settings.THROTTLING:
        return
    reached, now = [tally for tally in tallies(limits) if tally.is_reached], timezone.now()
    if reached:
        for limit, counter in reached:
            if not counter.reported:
                report_once(limit, report)
            REFUSALS.labels(limit.name).inc()
        longest = max(counter.seconds_left(now) for _, counter in reached)
        raise TooManyAttempts(max(1, ceil(longest)))


@transaction.atomic
def report_once(limit: Limit, report: Report) -> None:
    if Counter.objects.report(limit.key):
        report(limit.name)


def give_back(limits: Iterable[Limit]) -> None:
    """Uncount an attempt: only failures count, or the work was not done."""
    Counter.objects.give_back(*sorted(limit.key for limit in limits))


@transaction.atomic
def clear(limits: list[Limit]) -> list[Tally]:
    """Forget what was counted, and with it the block; return what that was.

    Of two who clear the same at once, one is told so: the rows are locked, in the order in which
    they are counted.
    """
    counters = Counter.objects.filter(key__in=[limit.key for limit in limits])
    list(counters.select_for_update().order_by("key"))
    cleared = tallies(limits)
    counters.delete()
    return cleared


@contextmanager
def failures_counted(
    limits: list[Limit], failure: type[Exception], report: Report
) -> Iterator[None]:
    """Take from the limits before the work inside, and give back unless it raises the failure.

    So neither a success counts, nor work that was not done. Raises TooManyAttempts.
    """
    take(limits, report)
    try:
        yield
    except failure:
        raise
    except BaseException:
        # One that just broke would have to be waited for again; one that was given back did not.
        if connection.connection is None or connection.is_usable():
            give_back(limits)
        raise
    give_back(limits)
