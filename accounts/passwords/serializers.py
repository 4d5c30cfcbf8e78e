"""What people send to change a password."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from accounts.users.fields import PasswordField


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Ana",
            {"current_password": "securepassword123", "new_password": "newpassword123"},
            request_only=True,
        ),
    ]
)
class ChangePasswordSerializer(serializers.Serializer[Any]):
    current_password = PasswordField()
    new_password = PasswordField(
        help_text="8 to 128 characters, neither common nor like the email."
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample("Changed", {"message": "Password changed successfully"}, response_only=True)
    ]
)
class PasswordChangedSerializer(serializers.Serializer[Any]):
    message = serializers.CharField()
