"""Serializer fields for text that people type: only strings, and exactly as sent."""

from typing import Any

from django.core.validators import ProhibitNullCharactersValidator
from rest_framework import serializers
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from accounts.users.models import (
    LONGEST_EMAIL,
    NAME_VALIDATORS,
    User,
    validate_email_shape,
    validate_new_email,
)

UNSTORABLE = (ProhibitNullCharactersValidator, ProhibitSurrogateCharactersValidator)


class StringField(serializers.CharField):
    """A string. REST framework's own field would also take numbers, and trim.

    ``described`` is added to its schema.
    """

    described: dict[str, Any] = {"minLength": 1}

    default_error_messages = {
        "required": "{label} is required.",
        "null": "{label} is required.",
        "blank": "{label} is required.",
        "invalid": "{label} must be a string.",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"trim_whitespace": False, **kwargs})
        # The parser refused NUL and surrogates; to check each character again is 3 % of a refresh.
        self.validators = [one for one in self.validators if not isinstance(one, UNSTORABLE)]

    def fail(self, key: str, **kwargs: Any) -> None:  # type: ignore[override]
        super().fail(key, label=self.label, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class BooleanField(serializers.BooleanField):
    """True or false. REST framework's own field would also take "yes" and 1."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


def validate_lookup_email(email: str) -> None:
    # A function, since the schema would repeat a pattern, which each language reads differently.
    validate_email_shape(email)


class LookupEmailField(StringField):
    """An email address that an account may have; the field does not look for the account."""

    described = {"format": "email"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            trim_whitespace=True,
            max_length=LONGEST_EMAIL,
            validators=[validate_lookup_email],
            **kwargs,
        )


class EmailField(StringField):
    """A new email address, in its canonical spelling."""

    described = {"format": "email", "maxLength": 254}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=True, validators=[validate_new_email], **kwargs)

    def to_internal_value(self, data: Any) -> str:
        return User.objects.normalize_email(super().to_internal_value(data))


class PasswordField(StringField):
    """A password that was set before, of any length."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(style={"input_type": "password"}, **kwargs)


class NewPasswordField(PasswordField):
    """A new password of any length: the policy judges it later."""

    described = {"minLength": 8, "maxLength": 128}


class FullNameField(StringField):
    """A name without spaces around it, or None."""

    described: dict[str, Any] = {}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            allow_null=True,
            required=False,
            trim_whitespace=True,
            max_length=200,
            validators=NAME_VALIDATORS,
            **kwargs,
        )

    def run_validation(self, data: Any = serializers.empty) -> str | None:
        is_blank = isinstance(data, str) and not data.strip()
        name: str | None = super().run_validation(None if is_blank else data)
        return name
