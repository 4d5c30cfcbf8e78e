"""Counters that hold on every node and survive a restart: one row each, in the database."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models
from django.db.models import Case, F, When
from django.utils import timezone

# The one statement that counts: it begins a window, goes on in one, or, full, changes nothing.
TAKE = """
    INSERT INTO counters (key, count, resets_at, reported)
    VALUES (%(key)s, 1, %(resets_at)s, %(unreported)s)
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN counters.resets_at <= %(now)s THEN 1 ELSE counters.count + 1 END,
        resets_at = CASE WHEN counters.resets_at <= %(now)s
                         THEN excluded.resets_at ELSE counters.resets_at END,
        reported = CASE WHEN counters.resets_at <= %(now)s
                        THEN excluded.reported ELSE counters.reported END
    WHERE counters.resets_at <= %(now)s OR counters.count < %(maximum)s
    RETURNING count
"""


class CounterQuerySet(models.QuerySet["Counter"]):
    def over(self) -> "CounterQuerySet":
        return self.filter(resets_at__lte=timezone.now())

    def take(self, key: str, maximum: int, period: timedelta) -> bool:
        """Count one more, unless there are as many already in this window; say whether it did.

        However many ask at once, on however many nodes, exactly ``maximum`` are told yes: the row's
        own lock puts them in line.
        """
        now = timezone.now()
        adapt = connection.ops.adapt_datetimefield_value
        values: dict[str, Any] = {
            "key": key,
            "maximum": maximum,
            "unreported": False,
            "now": adapt(now),
            "resets_at": adapt(now + period),
        }
        with connection.cursor() as cursor:
            cursor.execute(TAKE, values)
            return cursor.fetchone() is not None

    def report(self, key: str) -> bool:
        """Mark that this window's limit was reached; say whether nobody had before."""
        return self.filter(key=key, reported=False).update(reported=True) == 1

    def give_back(self, key: str) -> None:
        """Count one less, if the window goes on.

        The row is found by its key alone: with statistics of a quiet hour PostgreSQL would look
        through every open window instead.
        """
        in_time = When(resets_at__gt=timezone.now(), count__gt=0, then=F("count") - 1)
        count = Case(in_time, default=F("count"), output_field=models.IntegerField())
        self.filter(key=key).update(count=count)


class Counter(models.Model):
    """How often something happened since its window began; ``key`` is a digest of what it was.

    ``reported`` says that somebody was refused in this window, and that it was recorded.
    """

    key = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField()
    resets_at = models.DateTimeField(db_index=True)
    reported = models.BooleanField(db_default=False)

    objects = CounterQuerySet.as_manager()

    class Meta:
        db_table = "counters"

    def __str__(self) -> str:
        return f"{self.count} until {self.resets_at}"

    def seconds_left(self, now: datetime) -> float:
        return (self.resets_at - now).total_seconds()
