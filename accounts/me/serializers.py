"""Requests to change or delete one's own account."""

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer

from accounts.passwords.serializers import NewPasswordSerializer
from accounts.reauthentication.serializers import ReauthenticationSerializer
from accounts.users.fields import FullNameField, NewPasswordField


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
class UpdateSerializer(ReauthenticationSerializer, NewPasswordSerializer):
    full_name = FullNameField(help_text="null or an empty string removes it.")
    password = NewPasswordField(required=False, allow_null=True)


@extend_schema_serializer(
    examples=[
        OpenApiExample("Ana", {"current_password": "securepassword123"}, request_only=True),
    ]
)
class DeleteSerializer(ReauthenticationSerializer):
    pass
