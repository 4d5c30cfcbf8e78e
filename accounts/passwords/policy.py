"""The policy for new passwords (NIST SP 800-63B, section 3.1.1): long, and not guessable.

Characters are counted in NFC, the form that is hashed.
"""

import re
from pathlib import Path
from typing import Any
from unicodedata import normalize

from django.contrib.auth import password_validation
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ErrorDetail

from accounts.errors import PasswordRefused
from accounts.passwords.breaches import BreachedPasswords
from accounts.users.hashers import LONGEST, in_one_form
from accounts.users.models import User

MINIMUM_LENGTH, MAXIMUM_LENGTH = 8, 128
# A word that is repeated and nothing else; one letter alone is no word.
REPEATED = re.compile(r"(?!(.)\1+$)(.{2,}?)\2+", re.DOTALL)
SEASONS = "spring summer autumn fall winter primavera verano otono invierno"
MONTHS = (
    "january february march april may june july august september october november december"
    " enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
)
DATE = re.compile(rf"((of|del?)?({'|'.join(f'{SEASONS} {MONTHS}'.split())}))+(of|del?)?")
YEAR = re.compile(r"\d\d")
SHORTEST_NAME, SHORTEST_WORD = 3, 5  # Shorter ones occur in other words by accident.


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


class PredictablePasswordValidator:
    """Refuses common choices: the product's name, a season or a month, a repeated word.

    It accepts them if the other characters alone would be long enough for a password.
    """

    def __init__(self, site_name: str) -> None:
        name, words = folded(site_name), map(folded, site_name.split())
        found = {word for word in words if len(word) >= SHORTEST_WORD}
        if len(name) >= SHORTEST_NAME:
            found.add(name)
        self.names = sorted(found, key=len, reverse=True)

    def validate(self, password: str, user: Any = None) -> None:
        text = in_one_form(password)
        guessed = self.guessed(text)
        if guessed and len(text) - guessed < MINIMUM_LENGTH:
            raise ValidationError(
                _("This password is too easy to guess."), code="password_predictable"
            )

    def guessed(self, text: str) -> int:
        """Return the number of characters that need no guessing one by one."""
        letters = rest = folded(text)
        for name in self.names:
            rest = rest.replace(name, "")
        if REPEATED.fullmatch(letters) and REPEATED.fullmatch(text.casefold()):
            return len(text)
        is_date = DATE.fullmatch(rest) and YEAR.search(text)
        if is_date or REPEATED.fullmatch(letters) or REPEATED.fullmatch(rest):
            return len(letters)
        return len(letters) - len(rest)

    def get_help_text(self) -> str:
        return (
            "Your password cannot be the name of this service, a season or month of a year, or a"
            " word that is repeated."
        )


class BreachedPasswordValidator:
    """Refuses passwords from data breaches, in exactly the leaked spelling."""

    def __init__(self, file: Path) -> None:
        self.breached = BreachedPasswords(file)

    def validate(self, password: str, user: Any = None) -> None:
        if in_one_form(password) in self.breached:
            raise ValidationError(
                _("This password has appeared in a data breach."), code="password_breached"
            )

    def get_help_text(self) -> str:
        return "Your password cannot be one that has appeared in a data breach."


def folded(text: str) -> str:
    """Return only the letters, without case and accents."""
    return "".join(filter(str.isalpha, normalize("NFKD", text))).casefold()


def refusals(password: str, user: User, attr: str) -> dict[str, list[ErrorDetail]]:
    """Return the policy's refusals of the password under ``attr``; empty if there are none."""
    try:
        # One character too many is enough to refuse it: nothing has to read all 64 KiB.
        validate_password(password[: LONGEST + 1], user)
    except ValidationError as error:
        return {attr: [ErrorDetail(" ".join(e.messages), e.code) for e in error.error_list]}
    return {}


def check(password: str, user: User, attr: str) -> None:
    """Raise PasswordRefused, with the request's ``attr``, if the policy refuses the password."""
    if found := refusals(password, user, attr):
        raise PasswordRefused(found)
