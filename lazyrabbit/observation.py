"""What was asked and how it was answered: a line in the log, and a number in the metrics."""

import logging
from collections.abc import Callable
from functools import cache
from time import perf_counter
from typing import Any

from django.contrib.admindocs.views import simplify_regex
from django.http import HttpRequest, HttpResponse
from prometheus_client import Histogram

from accounts.clients.addresses import client_address

logger = logging.getLogger("lazyrabbit.requests")

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
DURATION = Histogram(
    "http_request_duration_seconds",
    "How long requests took, by route, method and status.",
    ["route", "method", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


@cache
def readable(route: str) -> str:
    """Return the route as the documentation spells it."""
    return simplify_regex(route).rstrip("/") or "/"


class ObservationMiddleware:
    """Log and count every request: its route instead of its path, and nothing that was sent."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = perf_counter()
        response = self.get_response(request)
        seconds = perf_counter() - started
        # Neither a path nor a method of a client's own making: each would be a series of its own.
        route = readable(request.resolver_match.route) if request.resolver_match else "unknown"
        method = str(request.method) if request.method in METHODS else "other"
        status = response.status_code
        DURATION.labels(route, method, status).observe(seconds)
        milliseconds = round(seconds * 1000, 1)
        logger.info(
            "%s %s %s in %s ms",
            method,
            route,
            status,
            milliseconds,
            extra={
                "request_id": request.id,  # type: ignore[attr-defined]
                **who(request),
                "method": method,
                "route": route,
                "status": status,
                "ms": milliseconds,
                "address": client_address(request),
            },
        )
        return response


def who(request: HttpRequest) -> dict[str, Any]:
    """Return the keys of whoever is signed in, as far as the request found that out by itself."""
    if session := getattr(request, "auth", None):
        return {"user_id": session.user_id, "session_id": str(session.pk)}
    staff = getattr(request, "_cached_user", None)
    return {"user_id": staff.pk if staff else None, "session_id": None}
