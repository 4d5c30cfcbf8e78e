"""Requests and responses of sign-up, sign-in, refresh and sign-out."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from accounts.passwords.serializers import NewPasswordSerializer
from accounts.sessions import serializers as sessions
from accounts.users import serializers as users
from accounts.users.fields import (
    EmailField,
    FullNameField,
    NewPasswordField,
    PasswordField,
    StringField,
)

CREDENTIALS = {"email": "ana@example.com", "password": "securepassword123"}


@extend_schema_serializer(
    examples=[
        OpenApiExample("Ana", {**CREDENTIALS, "full_name": "Ana Moreno"}, request_only=True),
    ]
)
class SignupSerializer(NewPasswordSerializer):
    email = EmailField()
    password = NewPasswordField(help_text="Not common, easy to guess, breached, or like the email.")
    full_name = FullNameField()


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Ana", {"user": users.ANA, "message": "User created successfully"}, response_only=True
        )
    ]
)
class SignedUpSerializer(serializers.Serializer[Any]):
    user = users.UserSerializer()
    message = serializers.CharField()


@extend_schema_serializer(examples=[OpenApiExample("Ana", CREDENTIALS, request_only=True)])
class SigninSerializer(serializers.Serializer[Any]):
    # Text that is no email address is answered like an unknown email address.
    email = StringField(trim_whitespace=True)
    password = PasswordField()


@extend_schema_serializer(
    examples=[
        OpenApiExample("Ana", {"refresh_token": sessions.ANA["refresh_token"]}, request_only=True),
    ]
)
class RefreshSerializer(serializers.Serializer[Any]):
    refresh_token = StringField()


@extend_schema_serializer(
    examples=[
        OpenApiExample("This device", {}, request_only=True),
        OpenApiExample("All devices", {"scope": "global"}, request_only=True),
    ]
)
class SignoutSerializer(serializers.Serializer[Any]):
    scope = serializers.ChoiceField(
        ["local", "others", "global"],
        default="local",
        help_text="This session, the other ones, or all.",
        error_messages=dict.fromkeys(
            ("invalid_choice", "null"), "Scope must be local, others or global."
        ),
    )
    refresh_token = StringField(
        default=None, allow_null=True, help_text="Needed if the access token has expired."
    )


@extend_schema_serializer(
    examples=[OpenApiExample("Ana", {"user": users.ANA, **sessions.ANA}, response_only=True)]
)
class SignedInSerializer(sessions.TokensSerializer):
    user = users.UserSerializer()
