"""Every failure that a client can be told: one class each, raised in flows, rendered in one place.

Failures that could tell two accounts apart share a class. The API says all of them in English;
the sentences that our own pages show too are marked for translation.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_noop as _
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    ErrorDetail,
    PermissionDenied,
    Throttled,
    ValidationError,
)


class InvalidCredentials(AuthenticationFailed):
    """The e-mail is unknown or the password is wrong: one error, so it never tells which."""

    default_detail = "Incorrect email or password"
    default_code = "invalid_credentials"


class InvalidToken(AuthenticationFailed):
    """The token is malformed, forged, expired or of the wrong kind, or its session has ended."""

    default_detail = "The token is invalid or has expired."
    default_code = "token_not_valid"


class ForgedToken(InvalidToken):
    """The same answer, for a token that was signed with no key of ours: it is recorded."""


class AccountInactive(PermissionDenied):
    """The account is deactivated, and the password right: who knows that may know this."""

    default_detail = "This account is not active; an administrator may have to approve it."
    default_code = "account_inactive"


class EmailNotVerified(PermissionDenied):
    """The address must be verified first, and the password is right."""

    default_detail = "Verify your email address first, with the link that we sent you."
    default_code = "email_not_verified"


class SignupClosed(PermissionDenied):
    """Nobody signs up here: ``SIGNUP_MODE`` is ``closed``."""

    default_detail = "Sign-up is closed."
    default_code = "signup_closed"


class ReauthenticationRequired(PermissionDenied):
    """A sensitive act needs the current password, or, unless of staff, a recent sign-in."""

    default_detail = "Give your current password, or sign in again."
    default_code = "reauthentication_required"


class OwnershipRequired(PermissionDenied):
    """A mail's link or code proves the mailbox, and nothing here proves whose the account is."""

    default_detail = (
        "Show that the account is yours: sign in first, or give its password. If you do not know"
        " the password, ask for a new one."
    )
    default_code = "ownership_required"


class StaffCannotBeDeleted(PermissionDenied):
    """An account of staff is deleted in the admin, by another superuser, and never by the API."""

    default_detail = "An account of staff cannot be deleted here; ask another administrator."
    default_code = "staff_cannot_be_deleted"


class TooManyAttempts(Throttled):
    """A limit is reached; the same for every address, whether it has an account or not."""

    default_detail = _("Too many attempts, try again later.")
    default_code = "too_many_attempts"

    def __init__(self, wait: int) -> None:
        super().__init__()
        self.wait = wait  # Whole seconds, for Retry-After (RFC 9110, section 10.2.3).


class Overloaded(APIException):
    """More passwords are waiting to be hashed than can be within ``HASHING_WAIT_SECONDS``."""

    status_code = 503
    default_detail = _("Too many people are signing in right now, try again later.")
    default_code = "overloaded"

    def __init__(self, wait: int = 1) -> None:
        super().__init__()
        self.wait = wait  # Whole seconds, sent as Retry-After.


class FieldError(ValidationError):
    """A member of the request is well-formed and cannot be accepted, and what else is wrong."""

    attr: str

    def __init__(self, others: Mapping[str, Any] | None = None) -> None:
        super().__init__({self.attr: [self.default_detail], **(others or {})}, self.default_code)


class EmailTaken(FieldError):
    """The address has an account already; also for the loser of a race to sign up."""

    attr = "email"
    default_detail = _("Email already registered")
    default_code = "email_taken"


class LinkNotValid(FieldError):
    """The link of a mail is unknown, used, expired or void: one error, so it never tells which."""

    attr = "token"
    default_detail = _("This link is invalid or has expired.")
    default_code = "link_not_valid"


class CodeIncorrect(FieldError):
    """The code is wrong, used, expired or void: one error, so it never tells which."""

    attr = "code"
    default_detail = "This code is incorrect or has expired."
    default_code = "code_incorrect"


class PasswordIncorrect(FieldError):
    """The current password that was given to confirm an act is not the current password."""

    attr = "current_password"
    default_detail = _("Current password is incorrect")
    default_code = "password_incorrect"


class PasswordRefused(ValidationError):
    """The new password breaks the policy; one entry in ``errors`` for each rule it breaks.

    ``sentences`` are for the schema: what Django's validators and ours say.
    """

    attr = "password"  # Or as the request names it.
    sentences = {
        "password_too_short": "This password is too short. It must contain at least 8 characters.",
        "password_too_long": "This password is too long. It must contain at most 128 characters.",
        "password_too_common": "This password is too common.",
        "password_too_similar": "The password is too similar to the email.",
        "password_predictable": "This password is too easy to guess.",
        "password_breached": "This password has appeared in a data breach.",
    }

    def __init__(self, refusals: Mapping[str, list[ErrorDetail]]) -> None:
        super().__init__(refusals)


class PasswordUnchanged(ValidationError):
    """The new password is the current one."""

    attr = "password"  # Or as the request names it.
    default_detail = "Choose a password that differs from the current one."
    default_code = "password_unchanged"

    def __init__(self, attr: str) -> None:
        super().__init__({attr: [self.default_detail]}, self.default_code)
