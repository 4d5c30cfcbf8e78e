"""A response that is only a message."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers


@extend_schema_serializer(
    examples=[
        OpenApiExample("Done", {"message": "Done."}, response_only=True, status_codes=[200, 202])
    ]
)
class MessageSerializer(serializers.Serializer[Any]):
    message = serializers.CharField()
