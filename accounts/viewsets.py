"""The base classes of the API's views, and the decorator that documents an action."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException, NotAuthenticated
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.actors.actor import Actor
from accounts.errors import InvalidToken

# Every room may import this module, so at run time it imports no room above actors.
if TYPE_CHECKING:
    from accounts.sessions.models import Session

Method = TypeVar("Method", bound=Callable[..., Response])

BEARER_TOKEN_OPTIONAL: list[dict[str, list[str]]] = [{"bearer": []}, {}]


def documented(
    *,
    errors: Sequence[type[APIException]] = (),
    error_attrs: dict[str, str] | None = None,
    **described: Any,
) -> Callable[[Method], Method]:
    """Describe an action in the schema like ``extend_schema``, and list the errors it may raise.

    ``error_attrs`` maps the ``attr`` of an error to the name of the member in this action. A
    DELETE with a body needs its serializer as ``request``.
    """
    extensions = {"x-errors": errors, "x-error-attrs": error_attrs or {}}
    return extend_schema(extensions=extensions, **described)


class JSONViewSet(GenericViewSet[Any]):
    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        # Only the header Allow: the schema describes the methods.
        return Response(status=204)

    @property
    def actor(self) -> Actor:
        return Actor.from_request(self.request)

    def validated_data(self) -> dict[str, Any]:
        """Validate the body with the action's serializer. Raises ValidationError."""
        serializer = self.get_serializer(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return cast("dict[str, Any]", serializer.validated_data)


class EntranceViewSet(JSONViewSet):
    """For people who are not signed in."""

    authentication_classes = []  # A stale ``Authorization`` header must not refuse a request.
    permission_classes = [AllowAny]

    def get_authenticate_header(self, request: Request) -> str:
        # Without an authenticator, REST framework would answer a wrong password with 403.
        return "Bearer"


class MemberViewSet(JSONViewSet):
    """For people who are signed in."""

    permission_classes = [IsAuthenticated]
    errors = (NotAuthenticated, InvalidToken)  # Every action may raise these; for the schema.

    @property
    def session(self) -> "Session":
        """Return the session of the access token; its ``user`` is the signed-in user."""
        return cast("Session", self.request.auth)
