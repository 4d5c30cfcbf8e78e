"""A line in the log and a number in the metrics for each request."""

import logging
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from time import perf_counter
from typing import Any

from django.contrib.admindocs.views import simplify_regex
from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

from accounts.actors.ip_addresses import client_address

logger = logging.getLogger("lazyrabbit.requests")

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
DURATION = Histogram(
    "http_request_duration_seconds",
    "How long requests took, by route, method and status.",
    ["route", "method", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
# Each series starts at 0: for Prometheus, one that starts at 1 has not risen.
FAILURES = Counter("http_failures", "Answers of 5xx, by the code of their problem.", ["code"])
for code in ("error", "unavailable", "overloaded", "not_ready"):
    FAILURES.labels(code)
# An overload or a stop is no failure, and may cause thousands of these responses.
LEVELS = {None: logging.INFO, "overloaded": logging.WARNING, "not_ready": logging.WARNING}


@cache
def readable(route: str) -> str:
    """Return the route as the documentation spells it."""
    return simplify_regex(route).rstrip("/") or "/"


class ObservationMiddleware:
    """Log and count every request by its route, without its path and its body."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = perf_counter()
        response = self.get_response(request)
        report(request, response, perf_counter() - started)
        return response


def report(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    # Not the path, nor a method that does not exist: each would be a series of its own.
    route = readable(request.resolver_match.route) if request.resolver_match else "unknown"
    method = str(request.method) if request.method in METHODS else "other"
    status, milliseconds = response.status_code, round(seconds * 1000, 1)
    DURATION.labels(route, method, status).observe(seconds)
    if code := failure(response):
        FAILURES.labels(code).inc()
    logger.log(
        LEVELS.get(code, logging.ERROR),
        "%s %s %s in %s ms",
        method,
        route,
        status,
        milliseconds,
        extra={
            "request_id": request.id,  # type: ignore[attr-defined]
            **sender_ids(request),
            "method": method,
            "route": route,
            "status": status,
            "ms": milliseconds,
            "address": client_address(request),
        },
    )


def failure(response: HttpResponse) -> str | None:
    """Return the code of a 5xx; None for every other answer."""
    if response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    return getattr(response, "code", "error")


def sender_ids(request: HttpRequest) -> dict[str, Any]:
    """Return the ids of user and session, if the request has already looked them up."""
    if session := getattr(request, "auth", None):
        return {"user_id": session.user_id, "session_id": str(session.pk)}
    staff = getattr(request, "_cached_user", None)
    return {"user_id": staff.pk if staff else None, "session_id": None}
