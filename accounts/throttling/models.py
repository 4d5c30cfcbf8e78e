"""Counters that hold on every node and survive a restart: one row each, in the database."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection, models
from django.db.models import F
from django.utils import timezone

# The one statement that counts: it begins a window, goes on in one, or, full, changes nothing.
TAKE = """
    INSERT INTO counters (key, count, resets_at) VALUES (%(key)s, 1, %(resets_at)s)
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN counters.resets_at <= %(now)s THEN 1 ELSE counters.count + 1 END,
        resets_at = CASE WHEN counters.resets_at <= %(now)s
                         THEN excluded.resets_at ELSE counters.resets_at END
    WHERE counters.resets_at <= %(now)s OR counters.count < %(maximum)s
    RETURNING count
"""


class CounterQuerySet(models.QuerySet["Counter"]):
    def open(self) -> "CounterQuerySet":
        """Select the counters whose window goes on; the others count as empty."""
        return self.filter(resets_at__gt=timezone.now())

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
            "now": adapt(now),
            "resets_at": adapt(now + period),
        }
        with connection.cursor() as cursor:
            cursor.execute(TAKE, values)
            return cursor.fetchone() is not None

    def give_back(self, key: str) -> None:
        self.open().filter(key=key, count__gt=0).update(count=F("count") - 1)


class Counter(models.Model):
    """How often something happened since its window began; ``key`` is a digest of what it was."""

    key = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveIntegerField()
    resets_at = models.DateTimeField(db_index=True)

    objects = CounterQuerySet.as_manager()

    class Meta:
        db_table = "counters"

    def __str__(self) -> str:
        return f"{self.count} until {self.resets_at}"

    def seconds_left(self, now: datetime) -> float:
        return (self.resets_at - now).total_seconds()
