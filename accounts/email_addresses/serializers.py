"""Requests to verify or change an email address."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from accounts.outbox.serializers import TOKEN
from accounts.reauthentication.serializers import ReauthenticationSerializer
from accounts.users.fields import (
    BooleanField,
    EmailField,
    LookupEmailField,
    PasswordField,
    StringField,
)


@extend_schema_serializer(
    examples=[OpenApiExample("From a mail", {"token": TOKEN}, request_only=True)]
)
class LinkSerializer(serializers.Serializer[Any]):
    token = StringField(help_text="The text after `#token=` in the link.")


PASSWORD = "securepassword123"  # noqa: S105 (an example)
PROOFS = [
    OpenApiExample("The link, signed in", {"token": TOKEN}, request_only=True),
    OpenApiExample(
        "The link, not signed in",
        {"token": TOKEN, "current_password": PASSWORD},
        request_only=True,
    ),
    OpenApiExample("The code, signed in", {"code": "402913"}, request_only=True),
    OpenApiExample(
        "The code, not signed in",
        {"code": "402913", "email": "ana@example.com", "password": PASSWORD},
        request_only=True,
    ),
]


class CodeField(StringField):
    """Six digits of a mail."""

    described = {"pattern": "^[0-9]{6}$", "example": "402913"}

    default_error_messages = {"invalid": "Enter the six digits of the code."}

    def to_internal_value(self, data: Any) -> str:
        code = super().to_internal_value(data)
        if not (code.isascii() and code.isdigit() and len(code) == 6):
            self.fail("invalid")
        return code


@extend_schema_serializer(examples=PROOFS)
class ProofSerializer(serializers.Serializer[Any]):
    described = {"oneOf": [{"required": ["token"]}, {"required": ["code"]}]}

    token = StringField(required=False, help_text="The text after `#token=` in the link.")
    code = CodeField(required=False, help_text="The code in the same mail, in place of the token.")
    current_password = PasswordField(
        required=False,
        allow_null=True,
        help_text="With a token, proves like a bearer token that the account is yours.",
    )
    email = LookupEmailField(
        required=False, help_text="The account's email address, with a code and no bearer token."
    )
    password = PasswordField(required=False, help_text="The account's password, with `email`.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("token" in attrs) == ("code" in attrs):
            sentence = "Send either the token of the link or the code."
            raise serializers.ValidationError({"token": [sentence]}, "invalid")
        return attrs


@extend_schema_serializer(
    examples=[
        *PROOFS,
        OpenApiExample(
            "I did not sign up", {"token": TOKEN, "start_over": True}, request_only=True
        ),
    ]
)
class VerifyEmailSerializer(ProofSerializer):
    start_over = BooleanField(
        required=False,
        help_text=(
            "With a token, ends all sessions, voids the password and all links, and sends a link"
            " to set a new password."
        ),
    )


@extend_schema_serializer(
    examples=[OpenApiExample("Ana", {"email": "ana@example.com"}, request_only=True)]
)
class AddressSerializer(serializers.Serializer[Any]):
    email = LookupEmailField()


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Ana",
            {"new_email": "moreno@example.com", "current_password": PASSWORD},
            request_only=True,
        )
    ]
)
class ChangeEmailSerializer(ReauthenticationSerializer):
    new_email = EmailField()
