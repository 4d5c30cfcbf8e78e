"""Middleware for every request."""

import re
from collections.abc import Callable
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import APIException, ErrorDetail

from lazyrabbit.headers import headers_for
from lazyrabbit.logging import request_id
from lazyrabbit.parsers import MAX_BYTES
from lazyrabbit.problems import CONTENT_TYPE, database_trouble, from_exception, respond

WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestIDMiddleware:
    """Set ``request.id`` to the proxy's ``X-Request-ID`` if well-formed, else to a new one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request.id = given if WELL_FORMED.fullmatch(given) else uuid4().hex  # type: ignore[attr-defined]
        token = request_id.set(request.id)  # type: ignore[attr-defined]
        response = self.get_response(request)
        request_id.reset(token)
        response.headers["X-Request-ID"] = request.id  # type: ignore[attr-defined]
        return response


class WatchedMiddleware:
    """Ignore the ``Host`` of health checks and of the metrics.

    Prometheus and load balancers use the node's IP address, which is not in ALLOWED_HOSTS.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.is_watched = re.compile(r"/(metrics|api/health(/ready)?)/?").fullmatch

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if self.is_watched(request.path):
            request.META["HTTP_HOST"] = settings.HOST  # Nothing below can depend on theirs.
        return self.get_response(request)


class HeadersMiddleware:
    """Set the security headers of headers.py."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in headers_for(request.path).items():
            response.headers[name] = value
        return response


class HTTPSMiddleware:
    """Refuse to answer the API over plain HTTP; Django's own middleware redirects pages.

    A redirect would hide that a frontend sends passwords and tokens in the clear each time.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.is_api = re.compile(r"/api/(?!health)").match

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SECURE_SSL_REDIRECT and self.is_api(request.path) and not request.is_secure():
            return respond(request, 403, "https_required", "Use https, not http.")
        return self.get_response(request)


class WellFormedMiddleware:
    """Refuse requests that no view can handle, and turn Django's bare 405 into a problem."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Django under WSGI reads a body without a length as empty, so the request would be carried
        # out without its data (RFC 9110, section 15.5.12). A proxy buffers and adds the length.
        if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
            return respond(request, 411, "length_required", "Send a Content-Length header.")
        if body_length(request) > longest_body(request.path):
            return respond(request, 413, "body_too_large", "The request body is too large.")
        if has_nul(request):  # PostgreSQL stores no NUL in a text.
            return respond(request, 400, "bad_request", "The request is malformed.")
        response = self.get_response(request)
        if response.status_code == 405 and response.get("Content-Type") != CONTENT_TYPE:
            detail = "This method is not allowed here."
            problem = respond(request, 405, "method_not_allowed", detail)
            problem["Allow"] = response["Allow"]
            return problem
        return response


def body_length(request: HttpRequest) -> int:
    """Return the length of the body in bytes; like Django, 0 if the header is no number."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


def longest_body(path: str) -> int:
    return MAX_BYTES if path.startswith("/api/") else settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def has_nul(request: HttpRequest) -> bool:
    texts = (request.path, request.META.get("QUERY_STRING", ""), *request.COOKIES.values())
    return any("\0" in text or "%00" in text for text in texts)


class ProblemMiddleware:
    """Turn API errors and database trouble into problems outside REST framework's views."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        error = database_trouble(exception) or exception
        if isinstance(error, APIException) and isinstance(error.detail, ErrorDetail):
            return from_exception(request, error)
        return None
