"""What happened to the account of the person who is signed in."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.events.serializers import EventsSerializer, PageSerializer
from accounts.viewsets import MemberViewSet, operation


class EventViewSet(MemberViewSet):
    @operation(asks=PageSerializer, answers=EventsSerializer)
    def list(self, request: Request) -> Response:
        """List what happened to my account.

        The newest comes first: sign-ins, failed ones too, changes, and what staff did.
        """
        page = self.validated()
        events = self.session.user.events.order_by("-id")
        chosen = events[page["offset"] : page["offset"] + page["limit"]]
        body = {"items": list(chosen), "total": events.count(), **page}
        return Response(EventsSerializer(body).data)
