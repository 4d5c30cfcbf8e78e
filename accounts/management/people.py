"""Find the user that a command names, and describe their limits in words."""

from datetime import datetime

from django.core.management import CommandError

from accounts.throttling.flows import Tally
from accounts.users.models import User

# The attempts that a limit counts; {n} is a part of its subject.
COUNTED = {
    "SIGNIN_RATE_ACCOUNT": "failed sign-ins from networks where the account never had a session",
    "SIGNIN_RATE_ACCOUNT_NETWORK": "wrong passwords from {1}",
    "PASSWORD_RATE_ACCOUNT": "failed {0} of a day from {2}",
    "REAUTHENTICATION_RATE_ACCOUNT": "wrong current passwords in a session",
    "SIGNIN_RATE_NETWORK": "failed sign-ins of any account from {0}",
    "CHANGE_RATE_ACCOUNT": "events of the kind {0}",
    "MAIL_RATE_ACCOUNT": "mails of the kind {0}",
}


def find(email: str) -> User:
    """Return the user with this email address. Raises CommandError."""
    try:
        return User.objects.get_by_natural_key(email)
    except User.DoesNotExist as error:
        raise CommandError("No account has this email address.") from error


def describe(tally: Tally) -> str:
    limit, counter = tally
    subject = [part or "an unknown IP address" for part in limit.subject]
    counted = f"{counter.count} of {limit.maximum} {COUNTED[limit.name].format(*subject)}"
    return f"{counted}, until {instant(counter.resets_at)} ({limit.name})"


def instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
