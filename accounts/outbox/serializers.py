"""A response that is only a message, and the example of a mailed token."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

TOKEN = "Zm9yLWV4YW1wbGUtb25seS1ub3QtYS1yZWFsLXRva2Vu"  # noqa: S105 (an example of a link's)


@extend_schema_serializer(
    examples=[
        OpenApiExample("Done", {"message": "Done."}, response_only=True, status_codes=[200, 202])
    ]
)
class MessageSerializer(serializers.Serializer[Any]):
    message = serializers.CharField()
