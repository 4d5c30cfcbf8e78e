"""List the events of the signed-in person's account."""

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.events.models import Event
from accounts.events.pagination import EventPagination
from accounts.events.serializers import EventSerializer, EventsSerializer, PageSerializer
from accounts.viewsets import MemberViewSet, documented


class EventViewSet(MemberViewSet):
    serializer_class = EventSerializer
    pagination_class = EventPagination

    def get_queryset(self) -> QuerySet[Event]:
        return self.session.user.events.order_by("-id")

    @documented(parameters=[PageSerializer], responses=EventsSerializer)
    def list(self, request: Request) -> Response:
        """List the events of my account.

        They include sign-ins and failed sign-ins, changes, and the actions of staff. The newest
        comes first.
        """
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
