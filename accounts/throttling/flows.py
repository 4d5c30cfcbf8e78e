"""Count attempts before the work, and take back the counts that should not stand."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.utils import timezone
from prometheus_client import metrics

from accounts.actors.actor import Actor
from accounts.errors import TooManyAttempts
from accounts.events.models import Event, EventName
from accounts.throttling.limits import NAMES, Limit
from accounts.throttling.models import Counter

REFUSALS = metrics.Counter("limits_reached", "Attempts refused, by limit.", ["limit"])
for name in NAMES:  # Start at 0: for Prometheus, a series that starts at 1 has not risen.
    REFUSALS.labels(name)


class Attempt(NamedTuple):
    """An attempt with its limits, its actor and its account."""

    limits: Sequence[Limit]
    actor: Actor
    event: EventName = EventName.LIMIT_REACHED  # Recorded for the first refusal of a window.
    user_id: int | None = None
    session_id: UUID | None = None
    email: str | None = None  # Instead of ``user_id``; it may have no account.

    def find_user_id(self) -> int | None:
        if self.email is None:
            return self.user_id
        users = get_user_model().objects.filter(email=self.email)
        return users.values_list("pk", flat=True).first()


class Tally(NamedTuple):
    """A limit with its counter of the current window."""

    limit: Limit
    counter: Counter

    @property
    def is_reached(self) -> bool:
        return self.counter.count >= self.limit.maximum


def tallies(limits: Iterable[Limit]) -> list[Tally]:
    """Return the limits that have a count in their current window."""
    by_key, now = {limit.key: limit for limit in limits}, timezone.now()
    counters = Counter.objects.filter(key__in=by_key)
    return [Tally(by_key[c.key], c) for c in counters if c.count and c.resets_at > now]


def take(attempt: Attempt) -> None:
    """Count the attempt against all of its limits, or none. Raises TooManyAttempts."""
    # A refusal costs one indexed read, takes no lock and leaves the block as long as it was.
    if not settings.THROTTLING:
        return
    refuse_if_reached(attempt)
    with transaction.atomic():
        # Sorted, so that no two attempts wait for each other.
        if Counter.objects.take(sorted(attempt.limits)):
            return
        transaction.set_rollback(True)
    refuse_if_reached(attempt)
    raise TooManyAttempts(wait=1)  # The window ended just now.


def record_unless_reached(limit: Limit, record: Callable[[], None]) -> None:
    """Count once and call ``record``, in one transaction, unless the limit is reached."""
    # At the limit, this costs one indexed read and no write.
    if any(tally.is_reached for tally in tallies([limit])):
        return
    with transaction.atomic():
        if Counter.objects.take([limit]):
            record()


def refuse_if_reached(attempt: Attempt) -> None:
    """Raise TooManyAttempts if one of the limits is reached; count nothing."""
    if not settings.THROTTLING:
        return
    reached = [tally for tally in tallies(attempt.limits) if tally.is_reached]
    if not reached:
        return
    now = timezone.now()
    for limit, counter in reached:
        REFUSALS.labels(limit.name).inc()
        if not counter.reported:
            record_once(attempt, limit)
    longest = max(counter.seconds_left(now) for _, counter in reached)
    raise TooManyAttempts(max(1, ceil(longest)))


@transaction.atomic
def record_once(attempt: Attempt, limit: Limit) -> None:
    """Record that a limit was reached, unless this window has its event already."""
    # A flood must not fill the log.
    if Counter.objects.mark_reported(limit.key):
        Event.objects.record(
            attempt.event,
            attempt.actor,
            attempt.find_user_id(),
            attempt.session_id,
            limit=limit.name,
        )


def give_back(limits: Iterable[Limit]) -> None:
    """Take back the count of an attempt that succeeded or whose work was not done."""
    Counter.objects.give_back(*sorted(limit.key for limit in limits))


@transaction.atomic
def clear(limits: list[Limit]) -> list[Tally]:
    """Delete the counters, which lifts the block; return the deleted tallies."""
    # Locked, in the order of ``take``: of two simultaneous calls, only one returns the tallies.
    counters = Counter.objects.filter(key__in=[limit.key for limit in limits])
    list(counters.select_for_update().order_by("key"))
    cleared = tallies(limits)
    counters.delete()
    return cleared


@contextmanager
def counting_failures(attempt: Attempt, failure: type[Exception]) -> Iterator[None]:
    """Count the attempt, and take the count back unless the block raises ``failure``.

    Neither a success nor work that was not done counts. Raises TooManyAttempts.
    """
    take(attempt)
    try:
        yield
    except failure:
        raise
    except BaseException:
        # On a connection that just broke, the statement would wait once more and fail as well.
        if connection.connection is None or connection.is_usable():
            give_back(attempt.limits)
        raise
    give_back(attempt.limits)
