"""Metrics for Prometheus, of all processes of a node together."""

import json
import os
from collections.abc import Iterator
from hmac import compare_digest

from django.conf import settings
from django.core.cache import cache
from django.db import Error, connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from accounts.mails import flows as mails
from accounts.mails.models import Attempts, Outcome
from accounts.sessions.models import Session
from lazyrabbit import problems

MINUTE = 60  # In seconds.
FEW = 100_000  # Rows that are counted; of more, PostgreSQL's own estimate will do.


class DatabaseCollector(Collector):
    """What only the database knows, the same on every node."""

    def collect(self) -> Iterator[Metric]:
        try:
            backlog, attempts = mails.backlog(), Attempts.objects.total()
            live = cache.get_or_set("sessions_live", sessions_live, MINUTE)
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
    registry.register(DatabaseCollector())
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:  # Under gunicorn.
        MultiProcessCollector(registry)
        return generate_latest(registry)
    return generate_latest(REGISTRY) + generate_latest(registry)
