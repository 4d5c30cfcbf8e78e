"""What is logged: one line a request and one an event; JSON in production, words on a laptop."""

import logging
import re
import sys
from contextvars import ContextVar
from traceback import format_exception
from typing import Any

from pythonjsonlogger.json import JsonFormatter

# Of the request that this thread is answering.
request_id: ContextVar[str] = ContextVar("request_id", default="")

# A mailbox, also as an address on the web spells it; from the start of the word, so that no text
# takes longer than it is long.
ADDRESS = re.compile(
    r"""(?:"[^"\n]*"|(?<![^\s"(),:;<>@\[\]\\])[^\s"(),:;<>@\[\]\\]+)"""
    r"""(?:@|%40)(?:[\w.-]+|\[[\w.:]+\])""",
)
# Where PostgreSQL quotes rows: "Key (email)=(…) already exists.", "Failing row contains (…)."
DETAIL = re.compile(r"\bDETAIL: .*")


def redacted(text: str) -> str:
    """Return the text without the e-mail addresses and rows that exceptions quote."""
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
    """Keep Django's word on failures; that a request was refused is in the request's own line.

    That line names the route, so the path and the query that Django adds are left out.
    """
    record.msg, record.args = "unhandled_error", ()
    vars(record).pop("request", None)
    return bool(record.exc_info)


def add_request_id(record: Any) -> bool:
    """Let a line that is written while a request is answered name the request."""
    if not hasattr(record, "request_id") and request_id.get():
        record.request_id = request_id.get()
    return True


def configuration(*, is_json: bool) -> dict[str, Any]:
    """Return Django's ``LOGGING``, which gunicorn uses too.

    The fields that a line has in JSON are ``extra`` of its record; what a client sends is never
    part of a format, so it can forge no line.
    """
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
            # One's own handlers instead of Django's; a client's mistake (4xx) is no news of ours.
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.request": {"level": "ERROR", "filters": ["failures"]},
            "django.security": {"level": "CRITICAL"},
            # The worker looks into the queue every second; what fails is said by accounts.outbox.
            "django_tasks": {"level": "CRITICAL"},
            "django_tasks_db": {"level": "WARNING"},
            "gunicorn.error": {"handlers": [], "level": "INFO", "propagate": True},
        },
    }
