"""What people send to change a password."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from accounts.users.fields import LookupEmailField, PasswordField, StringField

TOKEN = "Zm9yLWV4YW1wbGUtb25seS1ub3QtYS1yZWFsLXRva2Vu"  # noqa: S105 (an example)


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
        OpenApiExample("Ana", {"token": TOKEN, "password": "newpassword123"}, request_only=True)
    ]
)
class ResetPasswordSerializer(serializers.Serializer[Any]):
    token = StringField(help_text="What stands behind `#token=` in the link.")
    password = PasswordField(help_text="8 to 128 characters, neither common nor like the email.")


@extend_schema_serializer(
    examples=[OpenApiExample("Ana", {"email": "ana@example.com"}, request_only=True)]
)
class ForgotPasswordSerializer(serializers.Serializer[Any]):
    email = LookupEmailField()


@extend_schema_serializer(
    examples=[
        OpenApiExample("Changed", {"message": "Password changed successfully"}, response_only=True)
    ]
)
class PasswordChangedSerializer(serializers.Serializer[Any]):
    message = serializers.CharField()
