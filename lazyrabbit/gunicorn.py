"""Server settings and hooks: ``gunicorn -c python:lazyrabbit.gunicorn``."""

import gc
import itertools
import os
import shutil
import tempfile
import time
from threading import Thread
from typing import Any

from gunicorn import util
from prometheus_client import multiprocess, values

from lazyrabbit import env_file

env_file.load()

# Do not import Django's settings here: a worker that reloads would inherit the old ones. After a
# change of an option or of .env, restart the server.
from lazyrabbit import capacity, logging, options, server  # noqa: E402 (read the environment)
from lazyrabbit.draining import draining  # noqa: E402

IS_LAPTOP = not options.IS_PRODUCTION

# Proxies whose X-Forwarded-Proto: https is believed; wsgi.py reads lists of it.
forwarded_allow_ips = ",".join(map(str, options.TRUSTED_PROXIES))
wsgi_app = "lazyrabbit.wsgi:application"
bind = f"127.0.0.1:{options.PORT}"
worker_class = "gthread"
threads = capacity.THREADS
workers = capacity.WORKERS
reload = IS_LAPTOP
# Seconds for requests to finish when a worker stops: one may be waiting for a hash.
graceful_timeout = max(20, options.HASHING_WAIT_SECONDS + 5)
keepalive = 5
# Workers are replaced now and then, not all at once, so that no leak grows for ever.
max_requests, max_requests_jitter = (0, 0) if IS_LAPTOP else (200_000, 50_000)
control_socket_disable = True
logconfig_dict = logging.configuration(is_json=options.IS_PRODUCTION)
logger_class = server.Logger
util.write_error = server.write_problem  # gunicorn has no setting for it.

WELCOME = f"""
  {options.SITE_NAME} accounts
    the API        http://{bind}/api/v1/
    documentation  http://{bind}/docs
    the admin      http://{bind}/admin/   (the first account: make superuser)
"""


def on_starting(arbiter: Any) -> None:
    """Warn of settings that are probably wrong, and exit if the port is taken."""
    if options.IS_PRODUCTION and not options.TRUSTED_PROXIES:
        arbiter.log.warning(
            "TRUSTED_PROXIES is empty: no proxy is believed that a request came over HTTPS, and"
            " the API answers nothing else."
        )
    for sentence in options.misspelt():
        arbiter.log.warning(sentence)
    if arbiter.cfg.bind == [bind]:  # Others are the operator's own idea.
        server.exit_if_port_is_taken(options.PORT)
    # Each worker counts in files of its own, which any of them adds up for Prometheus.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="accounts-metrics-")


def pre_fork(arbiter: Any, worker: Any) -> None:
    """Give the worker the lowest free number, by which it names its files of metrics."""
    # Named by their process ids, more and more files would be left.
    taken = {other.number for other in arbiter.WORKERS.values()}
    worker.number = next(number for number in itertools.count() if number not in taken)


def pre_request(worker: Any, request: Any) -> None:
    """Close the connection after a large body."""
    # It may be refused before it is read; to keep the connection, a thread would read the rest.
    from lazyrabbit.parsers import MAX_BYTES  # noqa: PLC0415 (needs Django, which is up now)

    length = dict(request.headers).get("CONTENT-LENGTH", "0")
    if int(length) > MAX_BYTES:
        request.force_close()


def child_exit(arbiter: Any, worker: Any) -> None:
    multiprocess.mark_process_dead(worker.number)


def post_fork(arbiter: Any, worker: Any) -> None:
    values.ValueClass = values.MultiProcessValue(lambda: worker.number)


def post_worker_init(worker: Any) -> None:
    """Load everything before the first request; on a laptop, also send mail from a thread."""
    from django.urls import get_resolver  # noqa: PLC0415 (needs Django, which is up now)

    list(get_resolver().url_patterns)
    # Each large body made the garbage collector look through all of it again: 20 ms in which no
    # other thread runs.
    gc.collect()
    gc.freeze()
    if IS_LAPTOP:
        from accounts.outbox.sender import Sender  # noqa: PLC0415 (needs Django, which is up now)

        Thread(target=Sender().work, name="mail", daemon=True).start()


def when_ready(arbiter: Any) -> None:
    """Print the welcome on a laptop; let SIGTERM fail the readiness check before it stops us."""
    if IS_LAPTOP:
        print(WELCOME, flush=True)  # noqa: T201 (to the person who started it)
    stop = arbiter.handle_term

    def drain_and_stop() -> None:
        draining.set()
        time.sleep(options.DRAIN_SECONDS)
        stop()

    arbiter.handle_term = drain_and_stop  # gunicorn calls no hook before it closes its sockets.


def on_exit(arbiter: Any) -> None:
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
