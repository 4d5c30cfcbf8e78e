"""Sign up, sign in and sign out."""

from django.contrib.auth import authenticate
from django.db import IntegrityError

from accounts.errors import AccountInactive, EmailTaken, InvalidCredentials, InvalidToken
from accounts.passwords import policy
from accounts.sessions import flows as sessions
from accounts.sessions.models import Session
from accounts.users.models import User


def signup(email: str, password: str, full_name: str | None = None) -> User:
    """Create an account. Raises PasswordRefused, or EmailTaken also for the loser of a race."""
    policy.check(password, User(email=email, full_name=full_name), attr="password")
    if User.objects.filter(email=User.objects.normalize_email(email)).exists():
        raise EmailTaken  # Before the hash, so that a flood of these costs little.
    try:
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


def signout(access_token: str | None, refresh_token: str | None, scope: str) -> None:
    """End the session that the tokens name (``local``), the user's others, or all (``global``).

    The token of a session that has ended ends no other one: it may have been stolen. Asking
    again for what is done already succeeds. Raises what ``sessions.find`` raises.
    """
    session = sessions.find(access_token, refresh_token)
    of_user = Session.objects.filter(user=session.user_id)
    chosen = {
        "local": of_user.filter(pk=session.pk),
        "others": of_user.exclude(pk=session.pk),
        "global": of_user,
    }[scope]
    if session.is_live:
        chosen.revoke()
    elif chosen.live().exists():
        raise InvalidToken
