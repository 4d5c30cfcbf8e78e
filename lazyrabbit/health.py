"""What a load balancer asks."""

from drf_spectacular.utils import OpenApiExample, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class HealthView(APIView):
    authentication_classes = []
    permission_classes = []

    @extend_schema(
        tags=["health"],
        responses=inline_serializer("Health", {"status": serializers.CharField()}),
        examples=[OpenApiExample("Healthy", {"status": "healthy"}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """Answer that the process is up.

        It looks at nothing else: a database in trouble is no reason to kill the process.
        """
        return Response({"status": "healthy"})
