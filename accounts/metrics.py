"""What Prometheus is told of the database: mails, sessions, backups, the purge."""

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
FEW = 100_000  # Up to so many rows are counted; of more, PostgreSQL's own estimate will do.


class DatabaseCollector(Collector):
    """Collects what every node reads alike from the database."""

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
        # Without any it is infinitely long ago, so that the same alert tells.
        age = seconds_since(backup_at) if backup_at else math.inf
        yield GaugeMetricFamily("backup_age_seconds", "Since the last backup; or +Inf.", age)
        over = seconds_since(over_at) if over_at else 0
        yield GaugeMetricFamily("purge_due_seconds", "For how long a purge had work.", over)


def oldest_over_at() -> datetime | None:
    """Return when the oldest counter was over that the next purge deletes."""
    oldest: datetime | None = Counter.objects.over().aggregate(at=Min("resets_at"))["at"]
    return oldest


def seconds_since(instant: datetime) -> float:
    return (timezone.now() - instant).total_seconds()


def sessions_live() -> int:
    """Return how many sessions are live; of millions an estimate, since to count reads them all."""
    live = Session.objects.live()
    if connection.vendor == "postgresql" and estimate(Session.objects.all()) > FEW:
        return estimate(live)
    return live.count()


def estimate(rows: QuerySet[Session]) -> int:
    """Return how many rows PostgreSQL expects, from the statistics that it keeps."""
    return int(json.loads(rows.explain(format="json"))[0]["Plan"]["Plan Rows"])
