"""What people change about themselves."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from accounts.passwords.serializers import NewPasswordSerializer
from accounts.users.fields import FullNameField, NewPasswordField, PasswordField


@extend_schema_serializer(
    examples=[
        OpenApiExample("A new name", {"full_name": "Ana Moreno Gil"}, request_only=True),
        OpenApiExample(
            "A new password",
            {"password": "newpassword123", "current_password": "securepassword123"},
            request_only=True,
        ),
    ]
)
class UpdateSerializer(NewPasswordSerializer):
    full_name = FullNameField(help_text="null or an empty string removes it.")
    password = NewPasswordField(required=False, allow_null=True)
    current_password = PasswordField(
        required=False,
        allow_null=True,
        help_text="Needed for a new password if the sign-in is long ago, and always by staff.",
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample("Ana", {"current_password": "securepassword123"}, request_only=True),
    ]
)
class DeleteSerializer(serializers.Serializer[Any]):
    current_password = PasswordField(
        required=False, allow_null=True, help_text="Needed if the sign-in is long ago."
    )
