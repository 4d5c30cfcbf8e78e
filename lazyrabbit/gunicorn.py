"""Server settings: ``gunicorn -c python:lazyrabbit.gunicorn``."""

import gc
import itertools
import json
import os
import shutil
import socket
import sys
import tempfile
import time
from http import HTTPStatus
from threading import Thread
from typing import Any
from uuid import uuid4

from gunicorn import glogging, util
from prometheus_client import multiprocess, values

import lazyrabbit
from lazyrabbit import env_file

env_file.load()

from lazyrabbit import headers, options, settings  # noqa: E402 (it reads what was just loaded)
from lazyrabbit.draining import draining  # noqa: E402

# Proxies whose X-Forwarded-Proto: https is believed; wsgi.py reads lists of it.
forwarded_allow_ips = ",".join(map(str, settings.TRUSTED_PROXIES))
wsgi_app = "lazyrabbit.wsgi:application"
bind = f"127.0.0.1:{settings.PORT}"
worker_class = "gthread"
threads = settings.THREADS
reload = not settings.IS_PRODUCTION
workers = settings.WORKERS
# Seconds that a request has to end when its worker is told to stop: it may wait for a hash.
graceful_timeout = max(20, settings.HASHING_WAIT_SECONDS + 5)
keepalive = 5
# A worker is replaced now and then, not all at once, so that nothing that leaks grows for ever.
max_requests, max_requests_jitter = (0, 0) if reload else (200_000, 50_000)
control_socket_disable = True
logconfig_dict = settings.LOGGING


class Logger(glogging.Logger):
    """The server's own log; a request's line is written where more is known of it."""

    def access(self, *_: Any) -> None:
        """Collect nothing for a line that nobody would see."""


logger_class = Logger

WELCOME = f"""
  {settings.SITE_NAME} accounts
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
        "X-Request-ID": body["request_id"],
        "Content-Type": "application/problem+json",
        "Content-Length": len(content),
    }
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {told[name]}" for name in told), "\r\n"]
    util.write_nonblock(client, "\r\n".join(lines).encode() + content)


util.write_error = write_problem  # There is no setting for it.


def on_starting(server: Any) -> None:
    """Say in one sentence what is wrong, also that the port is taken, instead of trying it."""
    if settings.IS_PRODUCTION and not settings.TRUSTED_PROXIES:
        server.log.warning(
            "TRUSTED_PROXIES is empty: no proxy is believed that a request came over HTTPS, and"
            " the API answers nothing else."
        )
    for sentence in options.misspelt():
        server.log.warning(sentence)
    # The sockets may be open already, and others than ours are the operator's own idea.
    if not {"GUNICORN_FD", "LISTEN_FDS"} & os.environ.keys() and server.cfg.bind == [bind]:
        with socket.socket() as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind(("127.0.0.1", settings.PORT))
            except OSError:
                sys.exit(
                    f"Port {settings.PORT} is in use: stop what listens there, or say PORT=8001."
                )
    # Each worker counts in files of its own, which any of them adds up for Prometheus.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="accounts-metrics-")


def pre_fork(server: Any, worker: Any) -> None:
    """Give the worker the lowest number that is free, so that it goes on with an earlier's files.

    By their process numbers there would be more and more files.
    """
    taken = {other.number for other in server.WORKERS.values()}
    worker.number = next(number for number in itertools.count() if number not in taken)


def pre_request(worker: Any, request: Any) -> None:
    """Close the connection after a large body, which may have been refused before it was read.

    To keep it open, the server would have to read the rest, and a thread would wait for that.
    """
    from lazyrabbit.parsers import MAX_BYTES  # noqa: PLC0415 (needs Django, which is up now)

    length = dict(request.headers).get("CONTENT-LENGTH", "0")
    if int(length) > MAX_BYTES:
        request.force_close()


def child_exit(server: Any, worker: Any) -> None:
    multiprocess.mark_process_dead(worker.number)


def post_fork(server: Any, worker: Any) -> None:
    """Let a reloaded worker read the settings anew: it inherits those that this module read."""
    values.ValueClass = values.MultiProcessValue(lambda: worker.number)
    if reload:
        for name in ("settings", "options", "environment"):
            sys.modules.pop(f"lazyrabbit.{name}", None)
            vars(lazyrabbit).pop(name, None)


def post_worker_init(worker: Any) -> None:
    """Load all, and keep the collector of garbage from looking through it again and again.

    Each large body made it do so, for 20 ms in which no other thread goes on. On a laptop, send
    mail from a thread of the server; elsewhere that is ``make worker``.
    """
    from django.urls import get_resolver  # noqa: PLC0415 (needs Django, which is up now)

    list(get_resolver().url_patterns)
    gc.collect()
    gc.freeze()
    if reload:
        from accounts.outbox.sender import Sender  # noqa: PLC0415 (needs Django, which is up now)

        Thread(target=Sender().work, name="mail", daemon=True).start()


def when_ready(server: Any) -> None:
    """Say where everything is; and, told to stop, let load balancers know before it happens."""
    if reload:
        print(WELCOME, flush=True)  # noqa: T201 (to the person who started it)
    stop = server.handle_term

    def drain_and_stop() -> None:
        draining.set()
        time.sleep(settings.DRAIN_SECONDS)
        stop()

    server.handle_term = drain_and_stop  # There is no hook for it.


def on_exit(server: Any) -> None:
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
