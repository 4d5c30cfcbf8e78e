"""Counters in the database: shared by every node, and kept over a restart."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection, models
from django.utils import timezone

from accounts.throttling.limits import Limit

# One statement counts against every limit. A row without a current window starts one, a row below
# its maximum is incremented, and a full row stays as it is. The rows are locked in the order of
# the values.
TAKE = """
    INSERT INTO counters (key, count, resets_at, reported)
    VALUES {rows}
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN counters.resets_at <= %(now)s THEN 1 ELSE counters.count + 1 END,
        resets_at = CASE WHEN counters.resets_at <= %(now)s
                         THEN excluded.resets_at ELSE counters.resets_at END,
        reported = CASE WHEN counters.resets_at <= %(now)s
                        THEN excluded.reported ELSE counters.reported END
    WHERE counters.resets_at <= %(now)s OR counters.count < CASE counters.key {maxima} END
    RETURNING count
"""

# This is an insert too: an update of several rows locks them in any order, so two of them could
# wait for each other. A row that was purged is inserted empty, with its window over.
GIVE_BACK = """
    INSERT INTO counters (key, count, resets_at, reported)
    VALUES {rows}
    ON CONFLICT (key) DO UPDATE SET count = counters.count - 1
    WHERE counters.resets_at > %(now)s AND counters.count > 0
"""


class CounterQuerySet(models.QuerySet["Counter"]):
    def over(self) -> "CounterQuerySet":
        return self.filter(resets_at__lte=timezone.now())

    def take(self, limits: Sequence[Limit]) -> bool:
        """Count once against each limit that is not reached; return whether none was reached."""
        # Each statement waits for the row's lock, so exactly ``maximum`` of them succeed, however
        # many requests and nodes count at once.
        now = timezone.now()
        rows = [(limit.key, 1, now + limit.period) for limit in limits]
        maxima = {f"maximum{n}": limit.maximum for n, limit in enumerate(limits)}
        cases = " ".join(f"WHEN %(key{n})s THEN %(maximum{n})s" for n in range(len(limits)))
        with connection.cursor() as cursor:
            write(cursor, TAKE.replace("{maxima}", cases), rows, now, **maxima)
            return len(cursor.fetchall()) == len(limits)

    def mark_reported(self, key: str) -> bool:
        """Mark the window as recorded in an event; return False if it was marked before."""
        return self.filter(key=key, reported=False).update(reported=True) == 1

    def give_back(self, *keys: str) -> None:
        """Decrement each counter whose window is not over."""
        now = timezone.now()
        with connection.cursor() as cursor:
            write(cursor, GIVE_BACK, [(key, 0, now) for key in keys], now)


def write(
    cursor: Any, sql: str, rows: Sequence[tuple[str, int, datetime]], now: datetime, **values: int
) -> None:
    """Execute the statement with its rows: a key, a count and the end of the window each."""
    adapt = connection.ops.adapt_datetimefield_value
    named: dict[str, Any] = {**values, "now": adapt(now), "unreported": False}
    for n, (key, count, resets_at) in enumerate(rows):
        named |= {f"key{n}": key, f"count{n}": count, f"resets_at{n}": adapt(resets_at)}
    one = "(%(key{0})s, %(count{0})s, %(resets_at{0})s, %(unreported)s)"
    cursor.execute(sql.replace("{rows}", ", ".join(map(one.format, range(len(rows))))), named)


class Counter(models.Model):
    """The attempts since the window of a limit began."""

    key = models.CharField(max_length=64, primary_key=True)  # A digest of the limit's subject.
    count = models.PositiveIntegerField()
    resets_at = models.DateTimeField(db_index=True)
    # Whether this window has refused an attempt and recorded that.
    reported = models.BooleanField(db_default=False)

    objects = CounterQuerySet.as_manager()

    class Meta:
        db_table = "counters"

    def __str__(self) -> str:
        return f"{self.count} until {self.resets_at}"

    def seconds_left(self, now: datetime) -> float:
        return (self.resets_at - now).total_seconds()
