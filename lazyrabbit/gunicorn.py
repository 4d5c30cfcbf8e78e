"""Server settings: ``gunicorn -c python:lazyrabbit.gunicorn``."""

import json
import os
import socket
import sys
from http import HTTPStatus
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

from dotenv import load_dotenv
from gunicorn import util

load_dotenv(Path(__file__).parent.parent / ".env")

import lazyrabbit  # noqa: E402
from lazyrabbit import headers, settings  # noqa: E402 (it reads what was just loaded)

# Of whom X-Forwarded-Proto is believed, which says that a request came over HTTPS.
forwarded_allow_ips = ",".join(map(str, settings.TRUSTED_PROXIES))
wsgi_app = "lazyrabbit.wsgi:application"
bind = f"127.0.0.1:{settings.PORT}"
worker_class = "gthread"
threads = settings.THREADS
reload = settings.ENVIRONMENT == "development"
workers = settings.WORKERS
accesslog = "-" if reload else None
control_socket_disable = True

WELCOME = f"""
  Lazy Rabbit accounts
    the API        http://{bind}/api/v1/
    documentation  http://{bind}/docs
    the admin      http://{bind}/admin/   (the first account: make superuser)
"""


def write_problem(client: socket.socket, status: int, reason: str, message: str) -> None:
    """Answer what is not even HTTP like everything else; the message would say it back."""
    body: dict[str, Any] = {
        "type": "client_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error",
        "title": reason,
        "status": status,
        "detail": "The request is malformed or too large.",
        "code": "bad_request" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "error",
        "errors": [],
        "request_id": uuid4().hex,
    }
    content = json.dumps(body).encode()
    told = {
        **headers.API,
        "Connection": "close",
        "Content-Type": "application/problem+json",
        "Content-Length": len(content),
    }
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {told[name]}" for name in told), "\r\n"]
    util.write_nonblock(client, "\r\n".join(lines).encode() + content)


util.write_error = write_problem  # There is no setting for it.


def on_starting(server: Any) -> None:
    """Say in one sentence what is wrong, also that the port is taken, instead of trying it."""
    if settings.ENVIRONMENT == "production" and not settings.TRUSTED_PROXIES:
        server.log.warning("TRUSTED_PROXIES is empty: behind a proxy, all people share its limits.")
    if "GUNICORN_FD" in os.environ:  # A new version takes over the old one's sockets.
        return
    for host, port in server.cfg.address:
        with socket.socket() as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind((host, port))
            except OSError:
                sys.exit(f"Port {port} is in use: stop what listens there, or say PORT=8001.")


def post_fork(server: Any, worker: Any) -> None:
    """Let a reloaded worker read the settings anew: it inherits those that this module read."""
    if reload:
        for name in ("settings", "options", "environment"):
            sys.modules.pop(f"lazyrabbit.{name}", None)
            vars(lazyrabbit).pop(name, None)


def post_worker_init(worker: Any) -> None:
    """On a laptop, send mail from a thread of the server; elsewhere that is ``make worker``."""
    if reload:
        from accounts.mails.sender import Sender  # noqa: PLC0415 (needs Django, which is up now)

        Thread(target=Sender().work, name="mail", daemon=True).start()


def when_ready(server: Any) -> None:
    if reload:
        print(WELCOME, flush=True)  # noqa: T201 (to the person who started it)
