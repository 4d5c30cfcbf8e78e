"""Sign up, sign in and sign out."""

from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.actors.actor import Actor
from accounts.errors import (
    AccountInactive,
    EmailNotVerified,
    EmailTaken,
    InvalidCredentials,
    InvalidToken,
    Overloaded,
    SignupClosed,
)
from accounts.events.models import Event, EventName
from accounts.links import flows as links
from accounts.links.models import Purpose
from accounts.lockouts import flows as lockouts
from accounts.outbox import flows as outbox
from accounts.passwords import policy
from accounts.sessions import flows as sessions
from accounts.sessions.models import Session
from accounts.throttling import flows as throttling
from accounts.throttling.limits import network_limits
from accounts.users import hashing_pool
from accounts.users.models import User


def signup(email: str, password: str, full_name: str | None = None, *, actor: Actor) -> User | None:
    """Create an account and return it; None where email addresses must be verified first.

    Raises SignupClosed, TooManyAttempts, PasswordRefused, or EmailTaken, also for the loser of a
    race.
    """
    if settings.SIGNUP_MODE == "closed":
        raise SignupClosed
    attempt = throttling.Attempt(network_limits("SIGNUP_RATE_NETWORK", actor.network), actor)
    throttling.take(attempt)
    policy.check(password, User(email=email, full_name=full_name), attr="password")
    is_silent = settings.EMAIL_VERIFICATION == "required"
    register = register_silently if is_silent else register_openly
    try:
        return register(email, password, full_name, actor)
    except Overloaded:
        throttling.give_back(attempt.limits)
        raise


def register_openly(email: str, password: str, full_name: str | None, actor: Actor) -> User:
    """Store the account. Raises EmailTaken."""
    normalized = User.objects.normalize_email(email)
    # Before the hash, so that a flood of these costs little.
    if links.is_taken(normalized):
        invite_owner(normalized, actor)
        raise EmailTaken
    user = prepare(email, password, full_name)
    is_stored = store(user, actor)
    if not is_stored:
        raise EmailTaken
    return user


def register_silently(email: str, password: str, full_name: str | None, actor: Actor) -> None:
    """Store the account, or tell the owner of the email address that it was tried.

    The answer and its time are the same: each path hashes and may send one mail.
    """
    user = prepare(email, password, full_name)
    has_quota = outbox.take_quota(Purpose.VERIFY, user.email, actor)
    is_stored = False
    if not links.is_taken(user.email):
        is_stored = store(user, actor)
    if has_quota and not is_stored:
        tell_owner(user.email, actor)


def prepare(email: str, password: str, full_name: str | None) -> User:
    is_active = settings.SIGNUP_MODE == "open"
    return User.objects.prepare(email, password, full_name=full_name, is_active=is_active)


@transaction.atomic
def store(user: User, actor: Actor) -> bool:
    """Store a new account and queue its mail; return False if another request was first."""
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:
        return False
    Event.objects.record(EventName.SIGNUP_SUCCEEDED, actor, user.pk)
    if settings.EMAIL_VERIFICATION != "none":
        outbox.send_link(user, Purpose.VERIFY, actor)
    return True


def tell_owner(email: str, actor: Actor) -> None:
    """Tell the owner of an email address, if it has an account, of a second sign-up with it."""
    with transaction.atomic():
        user = User.objects.select_for_update().filter(email=email).first()
        if user is None:
            return
        if user.email_verified or not user.is_active:
            outbox.notify("already_registered", user, actor)
        else:
            # Never verified, so either of the two sign-ups may be a stranger's. The mailbox gets
            # a link to set a password, which ends all earlier access.
            outbox.send_link(user, Purpose.RESET, actor, template="signed_up_again")


def invite_owner(email: str, actor: Actor) -> None:
    """Tell the owner too where the answer says that the email address is taken, unless verified."""
    is_unproven = User.objects.filter(email=email, email_verified_at=None, is_active=True).exists()
    if not is_unproven:
        return
    has_quota = outbox.take_quota(Purpose.RESET, email, actor)
    if has_quota:
        tell_owner(email, actor)


def signin(
    email: str, password: str, *, actor: Actor, access_token: str | None = None
) -> tuple[User, sessions.Tokens]:
    """Start a session, in place of the one that ``access_token`` names, if it is the user's.

    Raises what ``authenticate`` raises, or EmailNotVerified where email addresses must be.
    """
    user = authenticate(email, password, actor)
    if settings.EMAIL_VERIFICATION == "required" and not user.email_verified:
        Event.objects.record(EventName.SIGNIN_FAILED, actor, user.pk, reason="email_not_verified")
        raise EmailNotVerified
    is_suspect = is_new_network(user, actor) and has_failures(user)
    with transaction.atomic():
        tokens = sessions.start(user, actor)
        sessions.replace(access_token, user, actor)
        if is_suspect:
            context = {"ip_address": actor.ip_address, "device": actor.device}
            outbox.notify("signin_from_new_network", user, actor, **context)
    return user, tokens


def is_new_network(user: User, actor: Actor) -> bool:
    return not user.sessions.filter(network=actor.network).exists()


def has_failures(user: User) -> bool:
    """Return whether at least five passwords were wrong within a day: someone may have guessed."""
    day_ago = timezone.now() - timedelta(days=1)
    failed = user.events.filter(
        name=EventName.SIGNIN_FAILED, created_at__gt=day_ago, details__reason="wrong_password"
    )
    return failed.order_by("-id")[:5].count() == 5


def signin_staff(email: str, password: str, actor: Actor) -> User:
    """Return the member of staff with these credentials, for the admin.

    Raises what ``authenticate`` raises, and InvalidCredentials for other users.
    """
    user = authenticate(email, password, actor)
    if not user.is_staff:
        Event.objects.record(EventName.SIGNIN_FAILED, actor, user.pk, reason="not_staff")
        raise InvalidCredentials
    Event.objects.record(EventName.SIGNIN_SUCCEEDED, actor, user.pk, admin=True)
    return user


def authenticate(email: str, password: str, actor: Actor) -> User:
    """Return the active user with these credentials.

    Raises what ``check_credentials`` raises, or AccountInactive if the password is right.
    """
    user = check_credentials(email, password, actor)
    if not user.is_active:
        Event.objects.record(EventName.SIGNIN_FAILED, actor, user.pk, reason="account_inactive")
        raise AccountInactive
    return user


def check_credentials(email: str, password: str, actor: Actor) -> User:
    """Return the user with these credentials, active or not.

    Raises InvalidCredentials; TooManyAttempts, also for the right password; or Overloaded.
    """
    # Before anything is counted: in a flood every query hurts.
    hashing_pool.pool.refuse_if_full()
    email = User.objects.normalize_email(email)
    limits = lockouts.signin_limits(email, actor.network)
    attempt = throttling.Attempt(limits, actor, EventName.SIGNIN_BLOCKED, email=email)
    throttling.refuse_if_reached(attempt)
    # Counted only when it is their turn: the right passwords of one network may wait together.
    with (
        hashing_pool.pool.turn(),
        throttling.counting_failures(attempt, InvalidCredentials),
    ):
        # Without an account a hash is computed all the same, so the time tells no more than the
        # answer.
        user = User.objects.filter(email=email).first() or User()
        if not user.check_password(password):
            record_failure(email, actor)
            raise InvalidCredentials
    return user


def record_failure(email: str, actor: Actor) -> None:
    """Record the failure at the same cost whether or not the email address has an account."""
    user_id = User.objects.filter(email=email).values_list("pk", flat=True).first()
    reason = "unknown_email" if user_id is None else "wrong_password"
    Event.objects.record(EventName.SIGNIN_FAILED, actor, user_id, reason=reason)


def signout(access_token: str | None, refresh_token: str | None, scope: str, actor: Actor) -> None:
    """End the session that the tokens name (``local``), the user's others, or all (``global``).

    Repeating it succeeds and records nothing. Raises what ``sessions.find`` raises.
    """
    session = sessions.find(access_token, refresh_token, actor)
    of_user = Session.objects.filter(user=session.user_id)
    chosen = {
        "local": of_user.filter(pk=session.pk),
        "others": of_user.exclude(pk=session.pk),
        "global": of_user,
    }[scope]
    if not session.is_live:
        # Its token may have been stolen, so it ends no other session.
        if chosen.live().exists():
            raise InvalidToken
        return
    with transaction.atomic():
        if ended := chosen.revoke():
            Event.objects.record(
                EventName.SIGNOUT,
                actor,
                session.user_id,
                session.pk,
                scope=scope,
                sessions_ended=ended,
            )
        if scope == "global" and User.objects.filter(pk=session.user_id, is_staff=True).exists():
            sessions.end_admin_sessions([session.user_id])
