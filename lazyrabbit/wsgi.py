"""The WSGI application: ``lazyrabbit.wsgi:application``."""

import os
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.utils.http import parse_header_parameters

from accounts.actors import ip_addresses
from lazyrabbit import env_file


class Request(WSGIRequest):
    """A request that is decoded as UTF-8, whatever charset the client names.

    Django decodes by that name outside its error handling, so an unknown one would be a 500.
    """

    def _get_scheme(self) -> str | None:
        """Unlike gunicorn, accept https also from several proxies, and in capitals."""
        scheme: str | None = self.environ.get("wsgi.url_scheme")
        return "https" if scheme == "http" and ip_addresses.came_over_https(self) else scheme

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            self.content_type, self.content_params = parse_header_parameters(
                meta.get("CONTENT_TYPE", "")
            )
        except ValueError:
            meta["CONTENT_TYPE"] = self.content_type = "malformed"
            self.content_params = {}


class Handler(WSGIHandler):
    request_class = Request


# Only entry points read .env, so that a developer's file never changes the tests.
env_file.load()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lazyrabbit.settings")
django.setup(set_prefix=False)

application = Handler()
