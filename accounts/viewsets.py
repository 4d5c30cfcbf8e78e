"""The two kinds of view: at the entrance for people not signed in, and for members."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException, NotAuthenticated
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, Serializer
from rest_framework.viewsets import ViewSet

from accounts.actors.actor import Actor
from accounts.errors import InvalidToken
from accounts.sessions.models import Session

Method = TypeVar("Method", bound=Callable[..., Response])


def operation(  # noqa: PLR0913, PLR0917 (the columns of a table)
    takes: type[Serializer[Any]] | None = None,
    answers: type[Serializer[Any]] | BaseSerializer[Any] | None = None,
    status: int = 200,
    errors: tuple[type[APIException], ...] = (),
    asks: type[Serializer[Any]] | None = None,
    or_else: dict[int, type[Serializer[Any]]] | None = None,
) -> Callable[[Method], Method]:
    """Say what a view's method takes, answers with and refuses, for ``validated`` and the schema.

    What it takes is in the body; what it asks for, if it takes none, in the query string. It
    answers with one status, or else with another one.
    The first line of the method's docstring is its summary in the schema.
    """

    def decorate(method: Method) -> Method:
        method.takes, method.asks, method.errors = takes, asks, errors  # type: ignore[attr-defined]
        # One for all requests, which keeps its fields: each serializer copies them first.
        method.serializer = (takes or asks or Serializer)()  # type: ignore[attr-defined]
        parameters = [asks] if asks else []
        responses = {status: answers, **(or_else or {})}
        return extend_schema(request=takes, parameters=parameters, responses=responses)(method)

    return decorate


class JSONViewSet(ViewSet):
    """What both kinds share."""

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Answer with the allowed methods; what they take is in the schema."""
        return Response(status=204)

    @property
    def actor(self) -> Actor:
        """Return who asks."""
        return Actor.from_request(self.request)

    def validated(self, **context: Any) -> dict[str, Any]:
        """Return the body, or the query, as the operation says. Raises ValidationError.

        With a context, the serializer is this request's own.
        """
        method = getattr(self, self.action)
        sent = self.request.data if method.takes else self.request.query_params
        serializer = method.takes(context=context) if context else method.serializer
        return dict(serializer.run_validation(sent))


class EntranceViewSet(JSONViewSet):
    """For people not signed in: an ``Authorization`` header, stale or not, refuses nobody."""

    authentication_classes = []
    permission_classes = [AllowAny]

    def get_authenticate_header(self, request: Request) -> str:
        """Keep a wrong credential a 401: without an authenticator it would become a 403."""
        return "Bearer"


class MemberViewSet(JSONViewSet):
    """For people signed in."""

    errors = (NotAuthenticated, InvalidToken)

    @property
    def session(self) -> Session:
        """Return the session that the request came with; the person is its ``user``."""
        return cast("Session", self.request.auth)
