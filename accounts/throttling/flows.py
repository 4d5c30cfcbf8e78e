"""Take from limits before the work, and give back what should not have counted."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from math import ceil

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.errors import TooManyAttempts
from accounts.throttling.limits import Limit
from accounts.throttling.models import Counter

BATCH = 1000  # Rows that one statement deletes, so that it takes milliseconds.


def take(limits: Iterable[Limit]) -> None:
    """Count one attempt against all of these limits, or against none.

    Raises TooManyAttempts if one of them is reached. That costs one indexed read, takes no lock
    and leaves the block as long as it was. The order of the keys keeps two takers from waiting
    for each other.
    """
    if not settings.THROTTLING:
        return
    ordered = sorted(limits)
    refuse_if_reached(ordered)
    with transaction.atomic():
        if all(Counter.objects.take(*limit) for limit in ordered):
            return
        transaction.set_rollback(True)
    refuse_if_reached(ordered)
    raise TooManyAttempts(wait=1)  # The window ended just now.


def refuse_if_reached(limits: list[Limit]) -> None:
    maxima = {limit.key: limit.maximum for limit in limits}
    now = timezone.now()
    reached = [
        counter.seconds_left(now)
        for counter in Counter.objects.open().filter(key__in=maxima)
        if counter.count >= maxima[counter.key]
    ]
    if reached:
        raise TooManyAttempts(wait=max(1, ceil(max(reached))))


def give_back(limits: Iterable[Limit]) -> None:
    """Uncount an attempt: only failures count, or the work was not done."""
    with transaction.atomic():
        for limit in sorted(limits):
            Counter.objects.give_back(limit.key)


@contextmanager
def failures_counted(limits: list[Limit], failure: type[Exception]) -> Iterator[None]:
    """Take from the limits before the work inside, and give back unless it raises the failure.

    So neither a success counts, nor work that was not done. Raises TooManyAttempts.
    """
    take(limits)
    try:
        yield
    except failure:
        raise
    except BaseException:
        give_back(limits)
        raise
    give_back(limits)


def purge() -> int:
    """Delete the counters whose window is over, in batches, and return how many."""
    purged = 0
    over = Counter.objects.filter(resets_at__lte=timezone.now())
    while batch := list(over.values_list("pk", flat=True)[:BATCH]):
        purged += over.filter(pk__in=batch).delete()[0]
    return purged
