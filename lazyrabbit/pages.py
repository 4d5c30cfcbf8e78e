"""Errors as HTML pages for browsers; the API always answers with problems."""

import json
import re
from collections.abc import Callable

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language_from_request, gettext

from lazyrabbit.problems import CONTENT_TYPE

FOR_PROGRAMS = re.compile(r"/(api/|metrics$)")
OFFERS = ["application/problem+json", "application/json", "text/html"]
# Errors that may be gone when the page is reloaded.
PASSING = {"csrf_failed", "too_many_attempts", "overloaded", "unavailable", "error"}


class ErrorPageMiddleware:
    """Turn a problem into a page for a browser."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_problem = response.get("Content-Type") == CONTENT_TYPE
        if is_problem and not FOR_PROGRAMS.match(request.path):
            patch_vary_headers(response, ["Accept"])
            if prefers_html(request):
                turn_into_page(request, response)
        return response


def prefers_html(request: HttpRequest) -> bool:
    """Return whether the client prefers a page to a problem; ``*/*`` does not."""
    try:
        return request.get_preferred_type(OFFERS) == "text/html"
    except ValueError:  # A parameter in a charset that does not exist.
        return False


def turn_into_page(request: HttpRequest, response: HttpResponse) -> None:
    """Replace the body. No template reads the user, so this works without the database."""
    problem = json.loads(response.content)
    is_admin = request.path.startswith("/admin/")
    # The admin is English.
    language = settings.LANGUAGE_CODE if is_admin else get_language_from_request(request)
    template = "admin/problem.html" if is_admin else "problem.html"
    with translation.override(language):
        context = {
            "title": gettext(problem["detail"]),
            "request_id": problem["request_id"],
            "may_pass": problem["code"] in PASSING,
            "home": settings.FRONTEND_URL or "/",
            "site_name": settings.SITE_NAME,
            "site_header": admin.site.site_header,
            "site_title": admin.site.site_title,
        }
        response.content = render_to_string(template, context).encode()
    response.headers["Content-Type"] = "text/html; charset=utf-8"
    response.headers["Content-Length"] = str(len(response.content))
    response.headers["Cache-Control"] = "no-store"
