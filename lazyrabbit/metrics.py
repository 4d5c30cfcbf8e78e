"""Metrics for Prometheus, of all processes of a node together."""

import os
import time
from collections.abc import Iterator
from hmac import compare_digest

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from accounts.metrics import DatabaseCollector
from lazyrabbit import health, problems


class NodeCollector(Collector):
    """Collects the metrics of this node alone."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily("clock_seconds", "The time by its clock.", time.time())
        is_ready = health.should_serve(health.examine())
        yield GaugeMetricFamily("node_ready", "Whether it should be sent requests.", is_ready)


@require_safe
def view(request: HttpRequest) -> HttpResponseBase:
    """Answer requests with ``METRICS_TOKEN``; without that setting, there is no such page."""
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
