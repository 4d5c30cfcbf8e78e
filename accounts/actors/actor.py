"""Who acts, and from where, as plain values that a flow can be given."""

from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language_from_request

from accounts.actors import devices, ip_addresses

MAX_USER_AGENT = 512


class Actor(NamedTuple):
    """Who sent a request, as far as it can be believed.

    ``ip_address`` is None if the peer has none. ``user_agent`` is whatever the client said of
    itself, printable and at most 512 characters. ``language`` is the one of ours that its
    person likes best. ``by`` says who acts if it is not the person: a member of the ``staff``,
    whose key is ``staff_id``, a ``command``, or a ``limit``.
    """

    ip_address: str | None = None
    user_agent: str = ""
    request_id: str = ""
    language: str = settings.LANGUAGE_CODE
    by: str = ""
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
        """Return the actor that a task was queued with, perhaps by another version of ours."""
        if isinstance(values, list):  # Before 2026-12, tasks had the values in their order.
            return cls(*values)
        return cls(**{name: values[name] for name in cls._fields if name in values})

    @property
    def network(self) -> str:
        return ip_addresses.network(self.ip_address)

    @property
    def device(self) -> str:
        """Return the name of the device, one of ours, for a row that is written."""
        return devices.device(self.user_agent)


def as_text(header: str) -> str:
    """Return the header as UTF-8 if it is: WSGI reads its bytes as Latin-1 (PEP 3333)."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


COMMAND = Actor(by="command")
