"""Count attempts before the work, and uncount those that should not have counted."""

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
for name in NAMES:  # From 0 on: to Prometheus, a series that begins with 1 has not risen.
    REFUSALS.labels(name)


class Attempt(NamedTuple):
    """One attempt: what it counts against, who makes it, and at whose account.

    The account is named by ``user_id``, or by an email address that may have none. The first
    attempt of a window that is refused is recorded as ``event``.
    """

    limits: Sequence[Limit]
    actor: Actor
    event: EventName = EventName.LIMIT_REACHED
    user_id: int | None = None
    session_id: UUID | None = None
    email: str | None = None

    def find_user_id(self) -> int | None:
        if self.email is None:
            return self.user_id
        users = get_user_model().objects.filter(email=self.email)
        return users.values_list("pk", flat=True).first()


class Tally(NamedTuple):
    """A limit, and what is counted against it in the present window."""

    limit: Limit
    counter: Counter

    @property
    def is_reached(self) -> bool:
        return self.counter.count >= self.limit.maximum


def tallies(limits: Iterable[Limit]) -> list[Tally]:
    """Return the limits against which something is counted now."""
    by_key, now = {limit.key: limit for limit in limits}, timezone.now()
    counters = Counter.objects.filter(key__in=by_key)
    return [Tally(by_key[c.key], c) for c in counters if c.count and c.resets_at > now]


def take(attempt: Attempt) -> None:
    """Count the attempt against all of its limits, or against none.

    Raises TooManyAttempts if one of them is reached.
    """
    # A refusal costs one indexed read, takes no lock and leaves the block as long as it was.
    if not settings.THROTTLING:
        return
    refuse_if_reached(attempt)
    with transaction.atomic():
        # In one order, so that no two attempts wait for each other.
        if Counter.objects.take(sorted(attempt.limits)):
            return
        transaction.set_rollback(True)
    refuse_if_reached(attempt)
    raise TooManyAttempts(wait=1)  # The window ended just now.


def record_unless_reached(limit: Limit, record: Callable[[], None]) -> None:
    """Count one more and record it, in one transaction, unless the limit is reached.

    If it is, that costs one indexed read, and nothing is written.
    """
    if any(tally.is_reached for tally in tallies([limit])):
        return
    with transaction.atomic():
        if Counter.objects.take([limit]):
            record()


def refuse_if_reached(attempt: Attempt) -> None:
    """Raise TooManyAttempts if one of the limits is reached, and count nothing."""
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
    """Record that a limit was reached, once in its window, so that a flood fills no log."""
    if Counter.objects.mark_reported(limit.key):
        _, actor, event, _, session_id, _ = attempt
        user_id = attempt.find_user_id()
        Event.objects.record(event, actor, user_id, session_id, limit=limit.name)


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
def counting_failures(attempt: Attempt, failure: type[Exception]) -> Iterator[None]:
    """Count the attempt, and uncount it unless the work inside raises ``failure``.

    Neither a success counts, nor work that was not done. Raises TooManyAttempts.
    """
    take(attempt)
    is_failure = False
    try:
        yield
    except failure:
        is_failure = True
        raise
    finally:
        # On a connection that just broke, the statement would wait once more and fail as well.
        if not is_failure and (connection.connection is None or connection.is_usable()):
            give_back(attempt.limits)
