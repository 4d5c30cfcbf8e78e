"""A real mail server, with faults."""

import socket

import pytest
from aiosmtpd.controller import Controller
from django.core.mail.backends.smtp import EmailBackend


class Server:
    """A mail server on a port of its own, that can refuse for now, hang, or be away."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.received: list[tuple[str, str]] = []
        self.answer: str | None = None
        self.controller: Controller | None = None

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        if self.answer:
            return self.answer
        self.received.append((envelope.rcpt_tos[0], envelope.content.decode()))
        return "250 OK"

    def start(self) -> None:
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self.controller.start()

    def stop(self) -> None:
        if self.controller:
            self.controller.stop()
            self.controller = None


@pytest.fixture
def server(settings):
    """A running mail server, to which the service sends."""
    server = Server()
    server.start()
    settings.EMAIL_BACKEND = f"{EmailBackend.__module__}.{EmailBackend.__name__}"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_TIMEOUT = 0.5
    yield server
    server.stop()
