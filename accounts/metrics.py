"""Metrics from the database: mails, sessions, backups, the purge."""

import json
import math
from collections.abc import Iterator
from datetime import datetime

from django.core.cache import cache
from django.db import Error, connection
from django.db.models import Min, QuerySet
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from accounts.backups.flows import last_backup_at
from accounts.outbox import flows as outbox
from accounts.outbox.models import Attempts, Outcome
from accounts.sessions.models import Session
from accounts.throttling.models import Counter

MINUTE = 60  # In seconds.
FEW = 100_000  # Rows. For more, PostgreSQL's estimate is used: counting reads each of them.


class DatabaseCollector(Collector):
    """Collects the metrics that are the same on every node."""

    def collect(self) -> Iterator[Metric]:
        try:
            backlog, attempts = outbox.backlog(), Attempts.objects.total()
            live = cache.get_or_set("sessions_live", sessions_live, MINUTE)
            backup_at, over_at = last_backup_at(), oldest_over_at()
        except Error:
            yield GaugeMetricFamily("database_up", "Whether the database answers.", 0)
            return
        yield GaugeMetricFamily("database_up", "Whether the database answers.", 1)
        text = "Mails neither sent nor given up, tried or not."
        yield GaugeMetricFamily("mails_due", text, backlog.number)
        text = "How long ago the oldest of them was queued."
        yield GaugeMetricFamily("mails_due_seconds", text, backlog.seconds)
        text = "Attempts to send a mail, of all workers of all nodes."
        counted = CounterMetricFamily("mail_attempts", text, labels=["outcome"])
        for outcome in Outcome.values:
            counted.add_metric([outcome], getattr(attempts, outcome))
        yield counted
        yield GaugeMetricFamily("sessions_live", "Sessions that have not ended.", live or 0)
        # Infinite without any backup, so that the same alert fires.
        age = seconds_since(backup_at) if backup_at else math.inf
        yield GaugeMetricFamily("backup_age_seconds", "Since the last backup; or +Inf.", age)
        over = seconds_since(over_at) if over_at else 0
        yield GaugeMetricFamily("purge_due_seconds", "For how long a purge had work.", over)


def oldest_over_at() -> datetime | None:
    """Return the end of the oldest window that a purge would delete; None if there is none."""
    oldest: datetime | None = Counter.objects.over().aggregate(at=Min("resets_at"))["at"]
    return oldest


def seconds_since(instant: datetime) -> float:
    return (timezone.now() - instant).total_seconds()


def sessions_live() -> int:
    """Count the live sessions, or estimate their number if there are many."""
    live = Session.objects.live()
    if connection.vendor == "postgresql" and estimate(Session.objects.all()) > FEW:
        return estimate(live)
    return live.count()


def estimate(rows: QuerySet[Session]) -> int:
    """Return the number of rows that PostgreSQL expects by its statistics."""
    return int(json.loads(rows.explain(format="json"))[0]["Plan"]["Plan Rows"])
