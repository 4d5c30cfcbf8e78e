"""Sign up and sign in."""

from django.contrib.auth import authenticate
from django.db import IntegrityError, transaction

from accounts.errors import AccountInactive, EmailTaken, InvalidCredentials
from accounts.passwords import policy
from accounts.sessions import flows as sessions
from accounts.users.models import User


def signup(email: str, password: str, full_name: str | None = None) -> User:
    """Create an account. Raises PasswordRefused, or EmailTaken also for the loser of a race."""
    policy.check(password, User(email=email, full_name=full_name), attr="password")
    if User.objects.filter(email=User.objects.normalize_email(email)).exists():
        raise EmailTaken  # Before the hash, so that a flood of these costs little.
    try:
        with transaction.atomic():
            return User.objects.create_user(email, password, full_name=full_name)
    except IntegrityError as error:
        raise EmailTaken from error


def signin(
    email: str, password: str, *, ip_address: str | None = None, user_agent: str = ""
) -> tuple[User, sessions.Tokens]:
    """Start a session for whoever knows the password.

    A hash is computed on every path, so the time tells no more than the answer does. Raises
    InvalidCredentials, or AccountInactive if the password is right.
    """
    user = authenticate(email=email, password=password)
    if not isinstance(user, User):
        raise InvalidCredentials
    if not user.is_active:
        raise AccountInactive
    return user, sessions.start(user, ip_address=ip_address, user_agent=user_agent)
