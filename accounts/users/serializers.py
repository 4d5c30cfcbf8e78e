"""A user in every response."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from accounts.users.models import User

ANA = {
    "id": 1,
    "email": "ana@example.com",
    "full_name": "Ana Moreno",
    "is_active": True,
    "email_verified": False,
    "created_at": "2026-01-02T03:04:05.678901Z",
    "updated_at": "2026-01-02T03:04:05.678901Z",
}


@extend_schema_serializer(
    component_name="User", examples=[OpenApiExample("Ana", ANA, response_only=True)]
)
class UserSerializer(serializers.Serializer[User]):
    # Declared fields: a ModelSerializer would build them again for every request.
    id = serializers.IntegerField(help_text="It never changes; the email may.")
    email = serializers.EmailField(help_text="In lower case, its domain in ASCII.")
    full_name = serializers.CharField(allow_null=True)
    is_active = serializers.BooleanField(help_text="false: signing in is refused.")
    email_verified = serializers.BooleanField(help_text="A link sent to the email was followed.")
    created_at = serializers.DateTimeField(help_text="When the account was made.")
    updated_at = serializers.DateTimeField(help_text="When the account last changed.")

    def to_representation(self, user: User) -> dict[str, Any]:
        # Without the fields, whose output is the same: they took 100 µs of a request.
        return {name: getattr(user, name) for name in self._declared_fields}
