"""The one shape of an error response: problem details for HTTP APIs (RFC 9457).

They are English; the sentences that pages show too are marked for translation.
"""

import logging
import sqlite3
import sys
from http import HTTPStatus
from typing import Any

from django.core.exceptions import DisallowedHost, SuspiciousOperation
from django.db import DatabaseError, InterfaceError, InternalError, OperationalError, connections
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_noop as _
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import Error, ErrorResponse
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actors.actor import Actor
from accounts.throttling import forgeries

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
READ_ONLY = "25006"  # PostgreSQL's code, which psycopg calls an internal error.
NOT_SQL = sqlite3.SQLITE_ERROR  # Such as a missing table, which SQLite calls operational.


class Unavailable(exceptions.APIException):
    """The database is down, hangs, is full or read-only; a later request may succeed."""

    status_code = 503
    default_detail = _("The service is not available right now, try again in a few seconds.")
    default_code = "unavailable"
    wait = 5  # In seconds, sent as Retry-After.


def database_trouble(exception: BaseException | None) -> Unavailable | None:
    """Log trouble with the database in one line and return the error for it; else None."""
    cause = getattr(exception, "__cause__", None)
    code = getattr(cause, "sqlstate", getattr(cause, "sqlite_errorcode", None))
    is_read_only = isinstance(exception, InternalError) and code == READ_ONLY
    is_trouble = isinstance(exception, OperationalError | InterfaceError) and code != NOT_SQL
    if not is_read_only and not is_trouble:
        return None
    for connection in connections.all(initialized_only=True):
        # In the past: it is closed after the request. The next one may reach a healthy server.
        connection.close_at = 0
    told = str(exception).partition("\n")[0]
    logger.error("database_trouble code=%s %s", code, told)
    return Unavailable()


def problem(  # noqa: PLR0913, PLR0917 (the members of the body)
    request: HttpRequest | Request | None,
    status: int,
    code: str,
    detail: str,
    kind: str = "client_error",
    errors: tuple[Error, ...] = (),
) -> dict[str, Any]:
    """Return the body: ``detail`` is one sentence for a person, ``code`` is for programs."""
    return {
        "type": kind,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "errors": [{"attr": e.attr, "code": e.code, "detail": e.detail} for e in errors],
        "request_id": getattr(request, "id", ""),
    }


UNSUPPORTED = "Send the body as application/json in UTF-8."


class ProblemFormatter(ExceptionFormatter):
    """Format the errors of REST framework, and repeat nothing that the client sent."""

    SENTENCES = {
        exceptions.MethodNotAllowed: _("This method is not allowed here."),
        exceptions.UnsupportedMediaType: UNSUPPORTED,
    }

    def format_error_response(self, error_response: ErrorResponse) -> dict[str, Any]:
        first = error_response.errors[0]
        return problem(
            self.context["request"],
            self.exc.status_code,
            first.code,
            self.SENTENCES.get(type(self.exc), first.detail),
            error_response.type,
            tuple(error for error in error_response.errors if error.attr),
        )


class ProblemHandler(ExceptionHandler):
    """Answer every exception of a view with a problem, unexpected ones too."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, SuspiciousOperation):
            return exceptions.ParseError("The request is malformed.", "bad_request")
        converted: Exception = super().convert_known_exceptions(exc)
        return database_trouble(exc) or converted

    def convert_unhandled_exceptions(self, exc: Exception) -> exceptions.APIException:
        if isinstance(exc, exceptions.APIException):
            return exc
        return exceptions.APIException("Something went wrong on our side.", "error")

    def get_response(self, exc: exceptions.APIException, data: dict[str, Any]) -> Response:
        if request := self.context["request"]:
            request.accepted_renderer = JSONRenderer()  # Also where the view renders HTML.
        headers = self.get_headers(exc)
        response = Response(data, exc.status_code, headers=headers, content_type=CONTENT_TYPE)
        response.code = data["code"]  # type: ignore[attr-defined]
        return response

    def report_exception(self, exc: exceptions.APIException, response: Response) -> None:
        """Log failures with a traceback, but not 503: an overload causes thousands of them."""
        if exc.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
            super().report_exception(exc, response)


def respond(request: HttpRequest, status: int, code: str, detail: str) -> JsonResponse:
    """Return a problem outside a view of REST framework."""
    kind = "client_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
    body = problem(request, status, code, detail, kind)
    compact = {"separators": (",", ":")}
    response = JsonResponse(
        body, json_dumps_params=compact, status=status, content_type=CONTENT_TYPE
    )
    response.code = code  # type: ignore[attr-defined]
    return response


def from_exception(request: HttpRequest, exception: exceptions.APIException) -> JsonResponse:
    """Return the problem for an error of the API outside its views."""
    detail: Any = exception.detail
    response = respond(request, exception.status_code, str(detail.code), str(detail))
    if wait := getattr(exception, "wait", None):
        response.headers["Retry-After"] = str(wait)
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer Django's SuspiciousOperation: a foreign host, too many fields in a form."""
    if isinstance(exception, DisallowedHost):
        record_forgery(request, "host")
    return respond(request, 400, "bad_request", _("The request is malformed."))


def record_forgery(request: HttpRequest, reason: str) -> None:
    """Record a forgery; if the database fails, the request is refused all the same."""
    try:
        forgeries.record(reason, Actor.from_request(request))
    except (DatabaseError, InterfaceError) as error:
        database_trouble(error)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    detail = str(exceptions.PermissionDenied.default_detail)
    return respond(request, 403, "permission_denied", detail)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    record_forgery(request, "form")
    return respond(request, 403, "csrf_failed", _("Reload the page and try again."))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    return respond(request, 404, "not_found", _("There is nothing at this address."))


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Answer an exception outside a view, such as database trouble in a middleware."""
    if trouble := database_trouble(sys.exc_info()[1]):
        return from_exception(request, trouble)
    return respond(request, 500, "error", _("Something went wrong on our side."))
