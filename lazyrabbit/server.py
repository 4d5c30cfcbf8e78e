"""Replaces parts of gunicorn: its error responses, its log, its wait for a port."""

import json
import os
import socket
import sys
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from gunicorn import glogging, util

from lazyrabbit import headers


class Logger(glogging.Logger):
    """The server's own log; observation.py writes the line of each request, with more details."""

    def access(self, *_: Any) -> None:
        """Prepare nothing for an access log, which is off."""


def write_problem(client: socket.socket, status: int, reason: str, message: str) -> None:
    """Answer a request that gunicorn cannot parse with a problem, as Django answers any other."""
    is_client_error = status < HTTPStatus.INTERNAL_SERVER_ERROR
    body: dict[str, Any] = {
        "type": "client_error" if is_client_error else "server_error",
        "title": reason,
        "status": status,
        "detail": "The request is malformed or too large.",  # gunicorn's message would quote it.
        "code": "bad_request" if is_client_error else "error",
        "errors": [],
        "request_id": uuid4().hex,
    }
    content = json.dumps(body).encode()
    sent = {
        **headers.API,
        "Connection": "close",
        "X-Request-ID": body["request_id"],
        "Content-Type": "application/problem+json",
        "Content-Length": len(content),
    }
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {sent[name]}" for name in sent), "\r\n"]
    util.write_nonblock(client, "\r\n".join(lines).encode() + content)


def exit_if_port_is_taken(port: int) -> None:
    """Exit with one sentence; gunicorn would try five times and log a traceback."""
    # The sockets may be open already, by systemd or an earlier server of the same operator.
    if {"GUNICORN_FD", "LISTEN_FDS"} & os.environ.keys():
        return
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind(("127.0.0.1", port))
        except OSError:
            sys.exit(f"Port {port} is in use: stop what listens there, or say PORT=8001.")
