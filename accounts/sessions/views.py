"""List a person's sessions, and end one."""

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.sessions import flows
from accounts.sessions.models import SessionQuerySet
from accounts.sessions.serializers import SessionSerializer
from accounts.viewsets import MemberViewSet, documented


class SessionViewSet(MemberViewSet):
    serializer_class = SessionSerializer
    lookup_field = "id"
    lookup_value_regex = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

    def get_queryset(self) -> SessionQuerySet:
        return self.session.user.sessions.live()

    @documented(responses=SessionSerializer(many=True))
    def list(self, request: Request) -> Response:
        """List the devices on which I am signed in.

        The one used last comes first; `current` is the one that asks.
        """
        sessions = self.get_queryset().order_by("-last_used_at")
        return Response(self.get_serializer(sessions, many=True).data)

    @documented(
        parameters=[OpenApiParameter("id", UUID, OpenApiParameter.PATH)],
        responses={204: None},
        errors=[NotFound],
    )
    def destroy(self, request: Request, id: str) -> Response:  # noqa: A002 (the path's name)
        """Sign a device out."""
        if not flows.end(self.get_queryset().filter(pk=id), actor=self.actor):
            raise NotFound
        return Response(status=204)
