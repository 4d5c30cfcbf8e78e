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
from accounts.events.models import Event, Name
from accounts.links import flows as links
from accounts.links.models import Purpose
from accounts.outbox import flows as outbox
from accounts.passwords import flows as passwords
from accounts.passwords import policy
from accounts.sessions import flows as sessions
from accounts.sessions.models import Session
from accounts.throttling import flows as throttling
from accounts.throttling.limits import Limit, limit, network_limits
from accounts.users import hashing_pool
from accounts.users.models import User


def signup(email: str, password: str, full_name: str | None = None, *, actor: Actor) -> User | None:
    """Create an account, an inactive one where staff have to approve it, and return it.

    Where addresses must be verified first, the answer is None and takes as long whether or not
    the address has an account; a mail says which.

    Raises SignupClosed, TooManyAttempts, PasswordRefused, or EmailTaken also for the loser of a
    race.
    """
    if settings.SIGNUP_MODE == "closed":
        raise SignupClosed

    def report(limit_name: str) -> None:
        Event.objects.record(Name.LIMIT_REACHED, actor, limit=limit_name)

    limits = network_limits("SIGNUP_RATE_NETWORK", actor.network)
    throttling.take(limits, report)
    policy.check(password, User(email=email, full_name=full_name), attr="password")
    is_silent = settings.EMAIL_VERIFICATION == "required"
    address = User.objects.normalize_email(email)
    is_taken = links.is_taken(address)
    if is_taken and not is_silent:
        invite_owner(address, actor)
        raise EmailTaken  # Before the hash, so that a flood of these costs little.
    is_active = settings.SIGNUP_MODE == "open"
    try:
        user = User.objects.prepare(email, password, full_name=full_name, is_active=is_active)
    except Overloaded:
        throttling.give_back(limits)
        raise
    may_mail = is_silent and outbox.may_send(Purpose.VERIFY, user.email, actor)
    is_stored = not is_taken and store(user, actor)
    if is_silent:
        if may_mail and not is_stored:
            tell_owner(user.email, actor)
        return None
    if not is_stored:
        raise EmailTaken
    return user


@transaction.atomic
def store(user: User, actor: Actor) -> bool:
    """Store a new account, and queue the mail that verifies its address.

    Return whether it was: another request may have been faster.
    """
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError:
        return False
    Event.objects.record(Name.SIGNUP_SUCCEEDED, actor, user.pk)
    if settings.EMAIL_VERIFICATION != "none":
        outbox.send_link(user, Purpose.VERIFY, actor)
    return True


def tell_owner(email: str, actor: Actor) -> None:
    """Tell the owner of an address, if it has an account, of a second sign-up with it.

    Where the address was never proven, either of the two may be a stranger. So its reader gets a
    link to set a password, which ends what was there.
    """
    with transaction.atomic():
        user = User.objects.select_for_update().filter(email=email).first()
        if user is None:
            return
        if user.email_verified or not user.is_active:
            outbox.notify("already_registered", user, actor)
        else:
            outbox.send_link(user, Purpose.RESET, actor, template="signed_up_again")


def invite_owner(email: str, actor: Actor) -> None:
    """Do the same where a sign-up says that the address is taken, if it was never proven."""
    is_unproven = User.objects.filter(email=email, email_verified_at=None, is_active=True).exists()
    if is_unproven and outbox.may_send(Purpose.RESET, email, actor):
        tell_owner(email, actor)


def signin(
    email: str, password: str, *, actor: Actor, access_token: str | None = None
) -> tuple[User, sessions.Tokens]:
    """Start a session for the person who knows the password, in place of the token's if given.

    Raises what ``verify`` raises, and EmailNotVerified where an address must be verified first.
    """
    user = verify(email, password, actor)
    if settings.EMAIL_VERIFICATION == "required" and not user.email_verified:
        Event.objects.record(Name.SIGNIN_FAILED, actor, user.pk, reason="email_not_verified")
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
    """Return whether at least five passwords were wrong within a day: somebody may have guessed."""
    day_ago = timezone.now() - timedelta(days=1)
    failed = user.events.filter(
        name=Name.SIGNIN_FAILED, created_at__gt=day_ago, details__reason="wrong_password"
    )
    return failed.order_by("-id")[:5].count() == 5


def signin_staff(email: str, password: str, actor: Actor) -> User:
    """Return the staff member whose address and password these are, for the admin.

    Raises what ``verify`` raises, and InvalidCredentials for everybody else.
    """
    user = verify(email, password, actor)
    if not user.is_staff:
        Event.objects.record(Name.SIGNIN_FAILED, actor, user.pk, reason="not_staff")
        raise InvalidCredentials
    Event.objects.record(Name.SIGNIN_SUCCEEDED, actor, user.pk, admin=True)
    return user


def verify(email: str, password: str, actor: Actor) -> User:
    """Return the active user whose address and password these are.

    Raises what ``authenticate`` raises, or AccountInactive if the password is right.
    """
    user = authenticate(email, password, actor)
    if not user.is_active:
        Event.objects.record(Name.SIGNIN_FAILED, actor, user.pk, reason="account_inactive")
        raise AccountInactive
    return user


def authenticate(email: str, password: str, actor: Actor) -> User:
    """Return the user whose address and password these are.

    A hash is computed on every path, so the time tells no more than the answer does; only
    behind a limit there is none. Raises TooManyAttempts, also for the right password;
    InvalidCredentials; or Overloaded, in most cases before anything is counted, since a flood is
    when every query hurts.
    """
    hashing_pool.pool.refuse_if_full()
    email = User.objects.normalize_email(email)

    def report(limit_name: str) -> None:
        Event.objects.record(Name.SIGNIN_BLOCKED, actor, owner(email), limit=limit_name)

    limits = signin_limits(email, actor.network)
    throttling.refuse_if_reached(limits, report)
    # Counted only when it is their turn: the right passwords of one network may wait together.
    with (
        hashing_pool.pool.turn(),
        throttling.failures_counted(limits, InvalidCredentials, report),
    ):
        # An account that is not there has no password, and says so in the time of any other.
        user = User.objects.filter(email=email).first() or User()
        if not user.check_password(password):
            record_failure(email, actor)
            raise InvalidCredentials
    return user


def owner(email: str) -> int | None:
    """Return the key of whose address this is; None if it is nobody's."""
    return User.objects.filter(email=email).values_list("pk", flat=True).first()


def record_failure(email: str, actor: Actor) -> None:
    """Write down the failure, at the same cost whether or not the address has an account."""
    user_id = owner(email)
    reason = "unknown_email" if user_id is None else "wrong_password"
    Event.objects.record(Name.SIGNIN_FAILED, actor, user_id, reason=reason)


def signin_limits(email: str, network: str) -> list[Limit]:
    """Return what a failed sign-in counts against.

    For an account from networks where it never held a session there are limits for all of them
    together, against many guessers, and for the networks around an IPv6 one, against a spray; they
    do not hold where the owner has been, so that strangers cannot lock them out. An address without
    an account has no such network, and counts alike.
    """
    around = network_limits("SIGNIN_RATE_NETWORK", network)
    own = limit("SIGNIN_RATE_ACCOUNT_NETWORK", email, network)
    if Session.objects.filter(user__email=email, network=network).exists():
        return [around[0], own, passwords.daily_limit(passwords.SIGNINS, email, network)]
    daily = passwords.daily_limit(passwords.SIGNINS, email, passwords.STRANGE)
    return [*around, own, limit("SIGNIN_RATE_ACCOUNT", email), daily]


def signout(access_token: str | None, refresh_token: str | None, scope: str, actor: Actor) -> None:
    """End the session that the tokens name (``local``), the user's others, or all (``global``).

    The token of a session that has ended ends no other one: it may have been stolen. Asking
    again for what is done already succeeds, and is no event. Raises what ``sessions.find`` raises.
    """
    session = sessions.find(access_token, refresh_token, actor)
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
        if ended := chosen.revoke():
            Event.objects.record(
                Name.SIGNOUT,
                actor,
                session.user_id,
                session.pk,
                scope=scope,
                sessions_ended=ended,
            )
        if scope == "global" and User.objects.filter(pk=session.user_id, is_staff=True).exists():
            sessions.end_admin_sessions([session.user_id])
