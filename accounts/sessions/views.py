"""Where a person is signed in."""

from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.sessions import flows
from accounts.sessions.serializers import SessionSerializer
from accounts.viewsets import MemberViewSet, operation


class SessionViewSet(MemberViewSet):
    lookup_field = "id"
    lookup_value_regex = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

    @operation(answers=SessionSerializer(many=True))
    def list(self, request: Request) -> Response:
        """List the devices on which I am signed in.

        The one used last comes first; `current` is the one that asks.
        """
        sessions = self.session.user.sessions.live()
        context = {"current": self.session.pk}
        latest = sessions.order_by("-last_used_at")
        return Response(SessionSerializer(latest, many=True, context=context).data)

    @extend_schema(parameters=[OpenApiParameter("id", UUID, OpenApiParameter.PATH)])
    @operation(status=204, errors=(NotFound,))
    def destroy(self, request: Request, id: str) -> Response:  # noqa: A002 (the path's name)
        """Sign a device out."""
        if not flows.end(self.session.user.sessions.filter(pk=id), self.actor):
            raise NotFound
        return Response(status=204)
