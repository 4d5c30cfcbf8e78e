"""What people send about their addresses."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from accounts.users.fields import EmailField, LookupEmailField, PasswordField, StringField

TOKEN = "Zm9yLWV4YW1wbGUtb25seS1ub3QtYS1yZWFsLXRva2Vu"  # noqa: S105 (an example)


@extend_schema_serializer(
    examples=[OpenApiExample("From a mail", {"token": TOKEN}, request_only=True)]
)
class LinkSerializer(serializers.Serializer[Any]):
    token = StringField(help_text="What stands behind `#token=` in the link.")


@extend_schema_serializer(
    examples=[
        OpenApiExample("Signed in", {"token": TOKEN}, request_only=True),
        OpenApiExample(
            "Not signed in",
            {"token": TOKEN, "current_password": "securepassword123"},
            request_only=True,
        ),
    ]
)
class OwnerLinkSerializer(LinkSerializer):
    current_password = PasswordField(
        required=False,
        allow_null=True,
        help_text="Shows, like a bearer token, that the account is that person's too.",
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
            {"new_email": "moreno@example.com", "current_password": "securepassword123"},
            request_only=True,
        )
    ]
)
class ChangeEmailSerializer(serializers.Serializer[Any]):
    new_email = EmailField()
    current_password = PasswordField(
        required=False, allow_null=True, help_text="Needed if the sign-in is long ago."
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample("Done", {"message": "Done."}, response_only=True, status_codes=[200, 202])
    ]
)
class MessageSerializer(serializers.Serializer[Any]):
    message = serializers.CharField()
