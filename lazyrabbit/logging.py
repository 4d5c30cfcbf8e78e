"""The log: a line for each request and each event, in JSON in production, else in words."""

import logging
import re
import sys
from contextvars import ContextVar
from traceback import format_exception
from typing import Any

from pythonjsonlogger.json import JsonFormatter

# Of the request that this thread is answering.
request_id: ContextVar[str] = ContextVar("request_id", default="")

# An email address, also with %40 as in a URL; from the start of the word, so that the search takes
# linear time in any text.
ADDRESS = re.compile(
    r"""(?:"[^"\n]*"|(?<![^\s"(),:;<>@\[\]\\])[^\s"(),:;<>@\[\]\\]+)"""
    r"""(?:@|%40)(?:[\w.-]+|\[[\w.:]+\])""",
)
# Where PostgreSQL quotes rows: "Key (email)=(…) already exists.", "Failing row contains (…)."
DETAIL = re.compile(r"\bDETAIL: .*")


def redacted(text: str) -> str:
    """Return the text without the email addresses and rows that exceptions quote."""
    if "DETAIL: " in text:
        text = DETAIL.sub("DETAIL: [left out]", text)
    if "@" in text or "%40" in text:  # Of most lines this is all the work.
        text = ADDRESS.sub("[address]", text)
    return text


class WordsFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


class JSONFormatter(JsonFormatter):
    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return {
            name: redacted(value) if isinstance(value, str) else value
            for name, value in log_data.items()
        }


def print_exception(*failure: Any) -> None:
    """Print a traceback as Python would when a command fails; for ``sys.excepthook``."""
    sys.stderr.write(redacted("".join(format_exception(*failure))))


def is_failure(record: Any) -> bool:
    """Keep the failures that Django logs, without path and query; drop refused requests.

    The line of the request has its route and its status.
    """
    record.msg, record.args = "unhandled_error", ()
    vars(record).pop("request", None)
    return bool(record.exc_info)


def add_request_id(record: Any) -> bool:
    """Add the id of the current request to a line."""
    if not hasattr(record, "request_id") and request_id.get():
        record.request_id = request_id.get()
    return True


def configuration(*, is_json: bool) -> dict[str, Any]:
    """Return Django's ``LOGGING``, which gunicorn uses too."""
    # The fields of a JSON line are the ``extra`` of its record. A client's text is never part of
    # a format, so it cannot forge a line.
    json = {
        "()": "lazyrabbit.logging.JSONFormatter",
        "format": "{levelname}{name}{message}",
        "style": "{",
        "rename_fields": {"levelname": "level", "name": "logger"},
        "timestamp": "time",
    }
    words = {
        "()": "lazyrabbit.logging.WordsFormatter",
        "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
    }
    callback = "django.utils.log.CallbackFilter"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": json if is_json else words},
        "filters": {
            "failures": {"()": callback, "callback": is_failure},
            "request_id": {"()": callback, "callback": add_request_id},
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "filters": ["request_id"],
            }
        },
        "root": {"handlers": ["console"], "level": "INFO"},
        "loggers": {
            # Our handlers instead of Django's; a client's mistake (4xx) is not logged as an error.
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.request": {"level": "ERROR", "filters": ["failures"]},
            "django.security": {"level": "CRITICAL"},
            # The worker polls every second; the app itself logs mails that fail.
            "django_tasks": {"level": "CRITICAL"},
            "django_tasks_db": {"level": "WARNING"},
            "gunicorn.error": {"handlers": [], "level": "INFO", "propagate": True},
        },
    }
