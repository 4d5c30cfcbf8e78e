"""A real mail server, with faults."""

import socket

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from django.core.mail.backends.smtp import EmailBackend

from accounts.actors.actor import Actor
from accounts.outbox import flows
from accounts.outbox.models import Mail
from accounts.outbox.sender import Sender


class Server:
    """A mail server on its own port that can refuse at any step, hang, or be down.

    What it says instead of "250 OK" is in ``answers``, by the step of the dialogue.
    """

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.received: list[tuple[str, str]] = []
        self.answers: dict[str, str] = {}
        self.controller: Controller | None = None

    # The names are aiosmtpd's.
    async def handle_MAIL(self, server, session, envelope, address, options) -> str:  # noqa: N802
        envelope.mail_from = address
        return self.answers.get("MAIL", "250 OK")

    async def handle_RCPT(self, server, session, envelope, address, options) -> str:  # noqa: N802
        answer = self.answers.get("RCPT", "250 OK").format(address=address)
        if answer == "250 OK":
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802
        if "DATA" in self.answers:
            return self.answers["DATA"].format(address=envelope.rcpt_tos[0])
        self.received.append((envelope.rcpt_tos[0], envelope.content.decode()))
        return "250 OK"

    def log_in(self, *args) -> AuthResult:
        refusal = self.answers.get("AUTH")
        return AuthResult(success=refusal is None, handled=False, message=refusal)

    def start(self) -> None:
        self.controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            authenticator=self.log_in,
            auth_require_tls=False,
        )
        self.controller.start()

    def stop(self) -> None:
        if self.controller:
            self.controller.stop()
            self.controller = None


@pytest.fixture
def server(settings):
    """A running mail server that the service sends to."""
    server = Server()
    server.start()
    settings.EMAIL_BACKEND = f"{EmailBackend.__module__}.{EmailBackend.__name__}"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_TIMEOUT = 0.5
    yield server
    server.stop()


@pytest.fixture
def refusing(server, settings, user):
    """Send a notice to the user that the mail server refuses at one of its steps."""
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "accounts", "secret"

    def refusing(step: str, answer: str) -> Mail:
        if step == "away":
            server.stop()
        server.answers = {step: answer}
        flows.notify("password_changed", user, Actor())
        Sender().run()
        return Mail.objects.latest("enqueued_at")

    return refusing
