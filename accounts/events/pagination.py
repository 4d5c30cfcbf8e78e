"""The pagination of a person's events."""

from typing import Any

from rest_framework.pagination import LimitOffsetPagination
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.events.serializers import PageSerializer


class EventPagination(LimitOffsetPagination):
    """Refuse a bad ``limit`` or ``offset``, which REST framework would replace with a good one."""

    def paginate_queryset(
        self, queryset: Any, request: Request, view: Any = None
    ) -> list[Any] | None:
        query = PageSerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        self.query = query.validated_data
        return super().paginate_queryset(queryset, request, view)

    def get_limit(self, request: Request) -> int:
        return int(self.query["limit"])

    def get_offset(self, request: Request) -> int:
        return int(self.query["offset"])

    def get_paginated_response(self, data: Any) -> Response:
        body = {"items": data, "total": self.count, "limit": self.limit, "offset": self.offset}
        return Response(body)
