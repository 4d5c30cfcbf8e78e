"""The actor of a request or a command, as plain values that a flow can take."""

from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language_from_request

from accounts.actors import devices, ip_addresses

MAX_USER_AGENT = 512


class Actor(NamedTuple):
    """The sender of a request, as far as it can be believed."""

    ip_address: str | None = None  # None if the peer has none.
    user_agent: str = ""  # As the client wrote it: printable, at most 512 characters.
    request_id: str = ""
    language: str = settings.LANGUAGE_CODE  # The person's preferred one of our languages.
    by: str = ""  # If the person does not act: "staff", "command" or "limit".
    staff_id: int | None = None

    @classmethod
    def from_request(cls, request: HttpRequest) -> "Actor":
        user_agent = as_text(request.META.get("HTTP_USER_AGENT", ""))
        return cls(
            ip_addresses.client_address(request),
            "".join(filter(str.isprintable, user_agent))[:MAX_USER_AGENT],
            getattr(request, "id", ""),
            get_language_from_request(request),
        )

    @classmethod
    def staff(cls, request: HttpRequest) -> "Actor":
        return cls.from_request(request)._replace(by="staff", staff_id=request.user.pk)

    @classmethod
    def from_task(cls, values: dict[str, Any] | list[Any]) -> "Actor":
        """Return the actor of a queued task, which another version may have queued."""
        if isinstance(values, list):  # Before 2026-12, tasks held a list of the values.
            return cls(*values)
        return cls(**{name: values[name] for name in cls._fields if name in values})

    @property
    def network(self) -> str:
        return ip_addresses.network(self.ip_address)

    @property
    def device(self) -> str:
        return devices.device(self.user_agent)


def as_text(header: str) -> str:
    """Decode the header as UTF-8 if it is valid UTF-8."""
    try:  # WSGI has decoded its bytes as Latin-1 (PEP 3333).
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


COMMAND = Actor(by="command")
