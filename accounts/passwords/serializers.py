"""Requests to change or reset a password."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from accounts.outbox.serializers import TOKEN
from accounts.passwords import policy
from accounts.users.fields import LookupEmailField, NewPasswordField, PasswordField, StringField
from accounts.users.models import User


class NewPasswordSerializer(serializers.Serializer[Any]):
    """A body with a new password: its errors include what the password policy refuses."""

    new_password_name = "password"  # noqa: S105 (a name)

    # For a valid body the flow asks the policy, after its limits and after the current password or
    # the link, since its answer must not tell whether those are right. Callers without a serializer
    # need the policy in the flow too.
    def to_internal_value(self, data: Any) -> Any:
        try:
            return super().to_internal_value(data)
        except ValidationError as error:
            detail: Any = error.detail
            mistakes = {**detail, **self.refusals(data, detail)}
            named = {name: mistakes[name] for name in map(str, self.fields) if name in mistakes}
            raise ValidationError(named) from error

    def refusals(self, data: Any, mistakes: Any) -> dict[str, Any]:
        """Return what the policy refuses of a well-formed password in a malformed body."""
        name = self.new_password_name
        if name in mistakes or not isinstance(data.get(name), str):
            return {}
        asking = self.context["request"].user
        user = User()
        if asking.is_authenticated:
            user = User(email=asking.email, full_name=asking.full_name)
        for attr in {"email", "full_name"} & self.fields.keys() & data.keys() - mistakes.keys():
            setattr(user, attr, self.fields[attr].run_validation(data[attr]))
        return policy.refusals(data[name], user, name)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Ana",
            {"current_password": "securepassword123", "new_password": "newpassword123"},
            request_only=True,
        ),
    ]
)
class ChangePasswordSerializer(NewPasswordSerializer):
    new_password_name = "new_password"  # noqa: S105 (a name)

    current_password = PasswordField()
    new_password = NewPasswordField(
        help_text="Not common, easy to guess, breached, or like the email."
    )


@extend_schema_serializer(
    examples=[
        OpenApiExample("Ana", {"token": TOKEN, "password": "newpassword123"}, request_only=True)
    ]
)
class ResetPasswordSerializer(NewPasswordSerializer):
    token = StringField(help_text="The text after `#token=` in the link.")
    password = NewPasswordField(help_text="Not common, easy to guess, breached, or like the email.")


@extend_schema_serializer(
    examples=[OpenApiExample("Ana", {"email": "ana@example.com"}, request_only=True)]
)
class ForgotPasswordSerializer(serializers.Serializer[Any]):
    email = LookupEmailField()


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Changed",
            {"message": "Password changed successfully"},
            response_only=True,
            status_codes=[200],
        ),
        OpenApiExample(
            "Sent",
            {"message": "If the address has an account, we sent a link to it."},
            response_only=True,
            status_codes=[202],
        ),
    ]
)
class PasswordChangedSerializer(serializers.Serializer[Any]):
    message = serializers.CharField()
