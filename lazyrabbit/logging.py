"""What is logged: one line a request and one an event; JSON in production, words on a laptop."""

from typing import Any


def has_traceback(record: Any) -> bool:
    """Keep Django's word on failures; that a request was refused is in the request's own line."""
    return bool(record.exc_info)


def configuration(*, is_json: bool) -> dict[str, Any]:
    """Return Django's ``LOGGING``, which gunicorn uses too.

    The fields that a line has in JSON are ``extra`` of its record; what a client sends is never
    part of a format, so it can forge no line.
    """
    json = {
        "()": "pythonjsonlogger.json.JsonFormatter",
        "format": "{levelname}{name}{message}",
        "style": "{",
        "rename_fields": {"levelname": "level", "name": "logger"},
        "timestamp": "time",
    }
    words = {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": json if is_json else words},
        "filters": {
            "failures": {"()": "django.utils.log.CallbackFilter", "callback": has_traceback}
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": "INFO"},
        "loggers": {
            # One's own handlers instead of Django's; a client's mistake (4xx) is no news of ours.
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.request": {"level": "ERROR", "filters": ["failures"]},
            "django.security": {"level": "CRITICAL"},
            # The worker looks into the queue every second; what fails is said by accounts.mails.
            "django_tasks": {"level": "CRITICAL"},
            "django_tasks_db": {"level": "WARNING"},
            "gunicorn.error": {"handlers": [], "level": "INFO", "propagate": True},
        },
    }
