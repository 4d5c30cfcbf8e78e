"""Sign up, sign in and sign out."""

from django.conf import settings
from django.contrib.auth import authenticate
from django.db import IntegrityError, transaction

from accounts.clients.client import Client
from accounts.errors import (
    AccountInactive,
    EmailTaken,
    InvalidCredentials,
    InvalidToken,
    Overloaded,
    SignupClosed,
)
from accounts.events.models import Event, Name
from accounts.passwords import policy
from accounts.sessions import flows as sessions
from accounts.sessions.models import Session
from accounts.throttling import flows as throttling
from accounts.throttling.limits import Limit, limit
from accounts.users import hashing_pool
from accounts.users.models import User


def signup(email: str, password: str, full_name: str | None = None, *, client: Client) -> User:
    """Create an account, an inactive one where staff have to approve it.

    Raises SignupClosed, TooManyAttempts, PasswordRefused, or EmailTaken also for the loser of a
    race.
    """
    if settings.SIGNUP_MODE == "closed":
        raise SignupClosed

    def report(limit_name: str) -> None:
        Event.objects.record(Name.LIMIT_REACHED, client, limit=limit_name)

    limits = [limit("SIGNUP_RATE_NETWORK", client.network)]
    throttling.take(limits, report)
    policy.check(password, User(email=email, full_name=full_name), attr="password")
    if User.objects.filter(email=User.objects.normalize_email(email)).exists():
        raise EmailTaken  # Before the hash, so that a flood of these costs little.
    is_active = settings.SIGNUP_MODE == "open"
    try:
        user = User.objects.prepare(email, password, full_name=full_name, is_active=is_active)
        with transaction.atomic():
            user.save()
            Event.objects.record(Name.SIGNUP_SUCCEEDED, client, user.pk)
    except IntegrityError as error:
        raise EmailTaken from error
    except Overloaded:
        throttling.give_back(limits)
        raise
    return user


def signin(email: str, password: str, *, client: Client) -> tuple[User, sessions.Tokens]:
    """Start a session for whoever knows the password. Raises what ``verify`` raises."""
    user = verify(email, password, client)
    return user, sessions.start(user, client)


def signin_staff(email: str, password: str, client: Client) -> User:
    """Return the staff member whose address and password these are, for the admin.

    Raises what ``verify`` raises, and InvalidCredentials for everybody else.
    """
    user = verify(email, password, client)
    if not user.is_staff:
        Event.objects.record(Name.SIGNIN_FAILED, client, user.pk, reason="not_staff")
        raise InvalidCredentials
    Event.objects.record(Name.SIGNIN_SUCCEEDED, client, user.pk, admin=True)
    return user


def verify(email: str, password: str, client: Client) -> User:
    """Return the active user whose address and password these are.

    A hash is computed on every path, so the time tells no more than the answer does; only
    behind a limit there is none. Raises TooManyAttempts, also for the right password;
    InvalidCredentials; AccountInactive if the password is right; or Overloaded, in most cases
    before anything is counted, since a flood is when every query hurts.
    """
    hashing_pool.pool.refuse_if_full()
    email = User.objects.normalize_email(email)

    def report(limit_name: str) -> None:
        Event.objects.record(Name.SIGNIN_BLOCKED, client, owner(email), limit=limit_name)

    limits = signin_limits(email, client.network)
    with throttling.failures_counted(limits, InvalidCredentials, report):
        user = authenticate(email=email, password=password)
        if not isinstance(user, User):
            record_failure(email, client)
            raise InvalidCredentials
    if not user.is_active:
        Event.objects.record(Name.SIGNIN_FAILED, client, user.pk, reason="account_inactive")
        raise AccountInactive
    return user


def owner(email: str) -> int | None:
    """Return the key of whose address this is; None if it is nobody's."""
    return User.objects.filter(email=email).values_list("pk", flat=True).first()


def record_failure(email: str, client: Client) -> None:
    """Write down the failure, at the same cost whether or not the address has an account."""
    user_id = owner(email)
    reason = "unknown_email" if user_id is None else "wrong_password"
    Event.objects.record(Name.SIGNIN_FAILED, client, user_id, reason=reason)


def signin_limits(email: str, network: str) -> list[Limit]:
    """Return what a failed sign-in counts against.

    For an account from networks where it never held a session there is one limit for all of them
    together, against many guessers; it does not hold where the owner has been, so that strangers
    cannot lock him out. An address without an account has no such network, and counts alike.
    """
    limits = [
        limit("SIGNIN_RATE_NETWORK", network),
        limit("SIGNIN_RATE_ACCOUNT_NETWORK", email, network),
    ]
    if not Session.objects.filter(user__email=email, network=network).exists():
        limits.append(limit("SIGNIN_RATE_ACCOUNT", email))
    return limits


def signout(
    access_token: str | None, refresh_token: str | None, scope: str, client: Client
) -> None:
    """End the session that the tokens name (``local``), the user's others, or all (``global``).

    The token of a session that has ended ends no other one: it may have been stolen. Asking
    again for what is done already succeeds. Raises what ``sessions.find`` raises.
    """
    session = sessions.find(access_token, refresh_token, client)
    of_user = Session.objects.filter(user=session.user_id)
    chosen = {
        "local": of_user.filter(pk=session.pk),
        "others": of_user.exclude(pk=session.pk),
        "global": of_user,
    }[scope]
    if not session.is_live:
        if chosen.live().exists():
            raise InvalidToken
        return
    with transaction.atomic():
        Event.objects.record(
            Name.SIGNOUT,
            client,
            session.user_id,
            session.pk,
            scope=scope,
            sessions_ended=chosen.revoke(),
        )
        if scope == "global" and User.objects.filter(pk=session.user_id, is_staff=True).exists():
            sessions.end_cookies([session.user_id])
