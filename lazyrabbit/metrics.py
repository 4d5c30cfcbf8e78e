"""Metrics for Prometheus, of all processes of a node together."""

import json
import math
import os
import time
from collections.abc import Iterator
from datetime import datetime
from hmac import compare_digest

from django.conf import settings
from django.core.cache import cache
from django.db import Error, connection
from django.db.models import Min, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from accounts.backups.flows import last_backup_at
from accounts.outbox import flows as outbox
from accounts.outbox.models import Attempts, Outcome
from accounts.sessions.models import Session
from accounts.throttling.models import Counter
from lazyrabbit import health, problems

MINUTE = 60  # In seconds.
FEW = 100_000  # Rows that are counted; of more, PostgreSQL's own estimate will do.


class NodeCollector(Collector):
    """What is true of this node now."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily("clock_seconds", "The time by its clock.", time.time())
        is_ready = health.should_serve(health.examine())
        yield GaugeMetricFamily("node_ready", "Whether it should be sent requests.", is_ready)


class DatabaseCollector(Collector):
    """What only the database knows, the same on every node."""

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
    """Return since when the oldest counter is over, which the next purge deletes."""
    oldest: datetime | None = Counter.objects.over().aggregate(at=Min("resets_at"))["at"]
    return oldest


def seconds_since(instant: datetime) -> float:
    return (timezone.now() - instant).total_seconds()


def sessions_live() -> int:
    """Return how many sessions are live; of millions roughly, since to count reads them all."""
    live = Session.objects.live()
    if connection.vendor == "postgresql" and estimate(Session.objects.all()) > FEW:
        return estimate(live)
    return live.count()


def estimate(rows: QuerySet[Session]) -> int:
    """Return how many rows PostgreSQL expects, from the statistics that it keeps."""
    return int(json.loads(rows.explain(format="json"))[0]["Plan"]["Plan Rows"])


@require_safe
def view(request: HttpRequest) -> HttpResponseBase:
    """Answer Prometheus, if it knows ``METRICS_TOKEN``; without a token there is no such page."""
    if not settings.METRICS_TOKEN:
        return problems.not_found(request)
    given = request.headers.get("Authorization", "")
    if not compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode()):
        response = problems.respond(request, 401, "not_authenticated", "Send the metrics' token.")
        response.headers["WWW-Authenticate"] = "Bearer"
        return response
    return HttpResponse(rendered(), content_type=CONTENT_TYPE_LATEST)


def rendered() -> bytes:
    registry = CollectorRegistry()
    registry.register(NodeCollector())
    registry.register(DatabaseCollector())
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:  # Under gunicorn.
        MultiProcessCollector(registry)
        return generate_latest(registry)
    return generate_latest(REGISTRY) + generate_latest(registry)
