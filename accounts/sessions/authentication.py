"""Authentication of a request by the session that its bearer token names."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.actors.actor import Actor
from accounts.errors import ForgedToken, InvalidToken
from accounts.sessions.models import Session
from accounts.sessions.tokens import AccessToken
from accounts.throttling import forgeries
from accounts.users.models import User


def bearer_token(request: Request) -> str | None:
    """Return the token of the ``Authorization`` header, or None for another scheme."""
    scheme, *rest = request.META.get("HTTP_AUTHORIZATION", "").split(maxsplit=1) or [""]
    return "".join(rest) if scheme.lower() == "bearer" else None


class SessionAuthentication(BaseAuthentication):
    """Bearer tokens (RFC 6750), with the scheme in any case (RFC 9110, section 11.1)."""

    # Each request reads its session in one query, so its end, and that of its user, hold from the
    # next request on, on every node.

    def authenticate(self, request: Request) -> tuple[User, Session] | None:
        """Return the user and the session; None without a bearer token. Raises InvalidToken."""
        access_token = bearer_token(request)
        if access_token is None:
            return None
        try:
            token = AccessToken.parse(access_token)
        except ForgedToken:
            forgeries.record("token", Actor.from_request(request))
            raise
        session = Session.objects.find(token.sid)
        if session is None or not session.is_live or not session.user.is_active:
            raise InvalidToken
        if token["sub"] != str(session.user_id):
            raise InvalidToken
        if session.first_used_at is None and token.generation in (None, session.generation):
            Session.objects.mark_used(session.pk, session.generation)
        return session.user, session

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class SessionScheme(OpenApiAuthenticationExtension):
    """Describes the scheme, for the Authorize button of the documentation."""

    target_class = "accounts.sessions.authentication.SessionAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
