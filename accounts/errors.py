"""Every error of the API: flows raise them, and ``lazyrabbit.problems`` renders them.

Errors that could reveal whether an account exists share a class. The API's sentences are English;
those that our pages show as well are marked for translation.
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
    """The email address is unknown or the password is wrong.

    One error for both, so that it never reveals whether an account exists.
    """

    default_detail = "Incorrect email or password"
    default_code = "invalid_credentials"


class InvalidToken(AuthenticationFailed):
    """The token is malformed, forged, expired or of the wrong kind, or its session has ended."""

    default_detail = "The token is invalid or has expired."
    default_code = "token_not_valid"


class ForgedToken(InvalidToken):
    """The token is signed with a key that is not ours: the same answer, but it is recorded."""


class AccountInactive(PermissionDenied):
    """The account is deactivated or not approved yet, and the password is correct.

    Only a person with the password learns this: others get InvalidCredentials.
    """

    default_detail = "This account is not active; an administrator may have to approve it."
    default_code = "account_inactive"


class EmailNotVerified(PermissionDenied):
    """The email address must be verified first, and the password is correct."""

    default_detail = "Verify your email address first, with the link that we sent you."
    default_code = "email_not_verified"


class SignupClosed(PermissionDenied):
    """``SIGNUP_MODE`` is ``closed``: no one can sign up."""

    default_detail = "Sign-up is closed."
    default_code = "signup_closed"


class ReauthenticationRequired(PermissionDenied):
    """A sensitive request needs the current password or, except from staff, a recent sign-in.

    A stolen token alone must not be enough.
    """

    default_detail = "Give your current password, or sign in again."
    default_code = "reauthentication_required"


class OwnershipRequired(PermissionDenied):
    """The request proves the mailbox, by the link or code of a mail, but not the account.

    A stranger may have signed up with this email address.
    """

    default_detail = (
        "Show that the account is yours: sign in first, or give its password. If you do not know"
        " the password, ask for a new one."
    )
    default_code = "ownership_required"


class StaffCannotBeDeleted(PermissionDenied):
    """The API deletes no account of staff: a stolen token must not be enough.

    Another superuser can delete it in the admin.
    """

    default_detail = "An account of staff cannot be deleted here; ask another administrator."
    default_code = "staff_cannot_be_deleted"


class TooManyAttempts(Throttled):
    """A limit is reached. The error is the same whether the email address has an account or not."""

    default_detail = _("Too many attempts, try again later.")
    default_code = "too_many_attempts"

    def __init__(self, wait: int) -> None:
        super().__init__()
        self.wait = wait  # In whole seconds, for Retry-After (RFC 9110, section 10.2.3).


class Overloaded(APIException):
    """More passwords wait for a hash than the node can compute within ``HASHING_WAIT_SECONDS``."""

    status_code = 503
    default_detail = _("Too many people are signing in right now, try again later.")
    default_code = "overloaded"

    def __init__(self, wait: int = 1) -> None:
        super().__init__()
        self.wait = wait  # In whole seconds, sent as Retry-After.


class FieldError(ValidationError):
    """A well-formed member of the request is refused; ``others`` are errors of other members."""

    attr: str

    def __init__(self, others: Mapping[str, Any] | None = None) -> None:
        super().__init__({self.attr: [self.default_detail], **(others or {})}, self.default_code)


class EmailTaken(FieldError):
    """The email address already has an account; the loser of a race to sign up gets it too."""

    attr = "email"
    default_detail = _("Email already registered")
    default_code = "email_taken"


class LinkNotValid(FieldError):
    """The link of a mail is unknown, used, expired or void: one error, so it reveals nothing."""

    attr = "token"
    default_detail = _("This link is invalid or has expired.")
    default_code = "link_not_valid"


class CodeIncorrect(FieldError):
    """The code is wrong, used, expired or void: one error, so it reveals nothing."""

    attr = "code"
    default_detail = "This code is incorrect or has expired."
    default_code = "code_incorrect"


class PasswordIncorrect(FieldError):
    """The password that should confirm the request is not the current one."""

    attr = "current_password"
    default_detail = _("Current password is incorrect")
    default_code = "password_incorrect"


class PasswordRefused(ValidationError):
    """The new password breaks the policy; ``errors`` has an entry for each broken rule."""

    attr = "password"  # Or the name of the member in the request.
    # The messages of Django's validators and of ours, for the schema.
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

    attr = "password"  # Or the name of the member in the request.
    default_detail = "Choose a password that differs from the current one."
    default_code = "password_unchanged"

    def __init__(self, attr: str) -> None:
        super().__init__({attr: [self.default_detail]}, self.default_code)
