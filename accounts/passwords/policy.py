"""What a new password must be like (NIST SP 800-63B, section 3.1.1): long, and not guessable.

Its characters are counted in the one form that is hashed.
"""

from typing import Any

from django.contrib.auth import password_validation
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ErrorDetail

from accounts.errors import PasswordRefused
from accounts.users.hashers import LONGEST, in_one_form
from accounts.users.models import User

MAXIMUM_LENGTH = 128


class MinimumLengthValidator(password_validation.MinimumLengthValidator):
    def validate(self, password: str, user: Any = None) -> None:
        super().validate(in_one_form(password), user)


class MaximumLengthValidator:
    def validate(self, password: str, user: Any = None) -> None:
        if len(in_one_form(password)) > MAXIMUM_LENGTH:
            raise ValidationError(
                _("This password is too long. It must contain at most %(max_length)d characters."),
                code="password_too_long",
                params={"max_length": MAXIMUM_LENGTH},
            )

    def get_help_text(self) -> str:
        return f"Your password must contain at most {MAXIMUM_LENGTH} characters."


def refusals(password: str, user: User, attr: str) -> dict[str, list[ErrorDetail]]:
    """Return what is against the password, by the request's ``attr``; nothing if it will do."""
    try:
        # One character too many says all: nothing has to look at the rest of 64 KiB.
        validate_password(password[: LONGEST + 1], user)
    except ValidationError as error:
        return {attr: [ErrorDetail(" ".join(e.messages), e.code) for e in error.error_list]}
    return {}


def check(password: str, user: User, attr: str) -> None:
    """Raise PasswordRefused, naming the request's ``attr``, unless the user may have it."""
    if found := refusals(password, user, attr):
        raise PasswordRefused(found)
