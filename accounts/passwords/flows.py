"""Change a password, by its owner or by staff."""

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone

from accounts.actors import ip_addresses
from accounts.actors.actor import Actor
from accounts.errors import (
    InvalidToken,
    LinkNotValid,
    PasswordIncorrect,
    PasswordUnchanged,
    ReauthenticationRequired,
)
from accounts.events.models import Event, Name
from accounts.links.models import Link, Purpose
from accounts.outbox import flows as outbox
from accounts.passwords import policy
from accounts.sessions import flows as sessions
from accounts.sessions.models import Session
from accounts.throttling import flows as throttling
from accounts.throttling.limits import Limit, limit, network_limits
from accounts.users import hashing_pool
from accounts.users.hashers import in_one_form
from accounts.users.models import User

# What a wrong password of a day counts as: two counters, so that neither door closes the other.
SIGNINS, CONFIRMATIONS = "sign-ins", "confirmations"
STRANGE = "networks where the account never had a session"  # In place of one network.


def confirm(session: Session, current_password: str | None, actor: Actor) -> None:
    """Make sure that a sensitive act is the account's owner's (OWASP ASVS 4.0, 3.7.1).

    Raises what ``verify`` raises for a wrong password, also where none would have been needed; and
    ReauthenticationRequired without one, for staff or if the session's sign-in is long ago.
    """
    if current_password is not None:
        verify(session.user, current_password, actor)
    elif session.user.is_privileged or not session.is_fresh:
        raise ReauthenticationRequired


def verify(user: User, current_password: str, actor: Actor) -> None:
    """Make sure that this is the user's password. Raises PasswordIncorrect, or TooManyAttempts.

    A wrong one counts against the account, from wherever it comes. It is no failed sign-in: a thief
    who has a token keeps nobody from signing in, and so from ending what the token is good for.
    """

    def report(limit_name: str) -> None:
        Event.objects.record(Name.LIMIT_REACHED, actor, user.pk, limit=limit_name)

    is_known = user.sessions.filter(network=actor.network).exists()
    limits = [
        limit("REAUTHENTICATION_RATE_ACCOUNT", user.email),
        daily_limit(CONFIRMATIONS, user.email, actor.network if is_known else STRANGE),
    ]
    throttling.refuse_if_reached(limits, report)
    with (
        hashing_pool.pool.turn(),
        throttling.failures_counted(limits, PasswordIncorrect, report),
    ):
        if not user.check_password(current_password):
            Event.objects.record(Name.REAUTHENTICATION_FAILED, actor, user.pk)
            raise PasswordIncorrect


def daily_limit(door: str, email: str, network: str) -> Limit:
    """Return the limit of wrong passwords that an account has for a day (NIST SP 800-63B, 3.2.2).

    All strange networks share one, which does not hold where the owner has been: each of those
    networks has its own. So a stranger keeps no owner out for a day.
    """
    return limit("PASSWORD_RATE_ACCOUNT", door, email, network)


def lock(session: Session) -> User:
    """Lock the session's user and return the row as it is now.

    What confirmed a sensitive act may be out of date by then: it waited for its hashes. Belongs
    into the transaction of the act. Raises InvalidToken if in the meantime the account was
    deleted, its password changed, or the session ended; ReauthenticationRequired if it was made
    staff, of which more is asked.
    """
    unchanged = User.objects.filter(pk=session.user_id, password=session.user.password)
    user = unchanged.select_for_update().first()
    if user is None or not session.lives_still():
        raise InvalidToken
    if user.is_privileged and not session.user.is_privileged:
        raise ReauthenticationRequired
    return user


def prepare(
    session: Session, new_password: str, current_password: str | None, attr: str, actor: Actor
) -> str:
    """Return the hash of a new password that its owner may have.

    It takes two hashes, so it stands before the transaction that ``replace`` is in. Raises what
    ``confirm`` raises; PasswordRefused or PasswordUnchanged, as the request's ``attr``; and
    TooManyAttempts after many changes.
    """
    try:
        confirm(session, current_password, actor)
    except PasswordIncorrect as error:
        raise PasswordIncorrect(policy.refusals(new_password, session.user, attr)) from error
    policy.check(new_password, session.user, attr)
    if current_password is None:
        is_unchanged = session.user.check_password(new_password)
    else:
        is_unchanged = in_one_form(new_password) == in_one_form(current_password)
    if is_unchanged:
        raise PasswordUnchanged(attr)
    sessions.count_change(session, Name.PASSWORD_CHANGED, actor)
    return make_password(new_password)


@transaction.atomic
def replace(session: Session, password_hash: str, actor: Actor) -> None:
    """Store the hash and end every other session of the user.

    Raises what ``lock`` raises. The row is locked before the sessions end: a sign-in with the old
    password either waits for this and fails, or has started its session and loses it.
    """
    user = lock(session)
    users = User.objects.filter(pk=user.pk)
    users.update(password=password_hash, updated_at=timezone.now())
    ended = sessions.revoke_access(user, keep=session)
    Event.objects.record(Name.PASSWORD_CHANGED, actor, user.pk, session.pk, sessions_ended=ended)
    outbox.notify("password_changed", user, actor)


def change(session: Session, new_password: str, current_password: str, actor: Actor) -> None:
    """Change a password that its owner knows. Raises what ``prepare`` and ``replace`` raise."""
    password_hash = prepare(session, new_password, current_password, "new_password", actor)
    replace(session, password_hash, actor)


def set_by_staff(
    user: User, new_password: str | None, actor: Actor, *, is_own: bool = False
) -> None:
    """Set a password, end every session of the user, and lift the account's blocks.

    Whatever it was before; only if it ``is_own``, it must still be the one that was just given.
    Without a new one, nobody can sign in until a link in a mail or staff set another. Raises
    InvalidToken if the account was deleted or its own password changed in the meantime.
    """
    users = User.objects.filter(pk=user.pk)
    if is_own:
        users = users.filter(password=user.password)
    user.password = make_password(new_password)
    with transaction.atomic():
        if not users.update(password=user.password, updated_at=timezone.now()):
            raise InvalidToken
        ended = sessions.revoke_access(user)
        throttling.clear(failure_limits(user))
        Event.objects.record(Name.PASSWORD_CHANGED, actor, user.pk, sessions_ended=ended)
        outbox.notify("password_changed", user, actor)


def reset(token: str, new_password: str, actor: Actor) -> None:
    """Set the password for the reader of the mailbox, and end every session.

    That proves the mailbox, lifts the account's blocks, and undoes a change of address that can
    still be undone to this one. Raises LinkNotValid; or PasswordRefused, Overloaded or EmailTaken,
    and then the link is good still.
    """
    try:
        link = Link.objects.present(token, Purpose.RESET)
    except LinkNotValid as error:
        # Whose account it would be is not known, so the password is like nobody's.
        raise LinkNotValid(policy.refusals(new_password, User(), attr="password")) from error
    policy.check(new_password, link.user, attr="password")
    password_hash = make_password(new_password)
    with transaction.atomic():
        user = link.consume()
        prove(user, link.email, actor)
        User.objects.filter(pk=user.pk).update(
            password=password_hash,
            full_name=user.full_name,
            email_verified_at=user.email_verified_at,
            updated_at=timezone.now(),
        )
        ended = sessions.revoke_access(user)
        throttling.clear(failure_limits(user))
        Event.objects.record(Name.PASSWORD_RESET, actor, user.pk, sessions_ended=ended)
        outbox.notify("password_changed", user, actor)


def prove(user: User, email: str, actor: Actor) -> None:
    """Take as proven the address that a link to set a password went to; the caller stores it.

    It is the account's, or the one that a change of address can be undone to. Raises LinkNotValid
    if that has just ceased to be so, or EmailTaken.
    """
    if undo := user.links.to_undo(email).first():
        undo.bring_back(user)
        Event.objects.record(Name.EMAIL_CHANGE_UNDONE, actor, user.pk)
    elif user.email != email:
        raise LinkNotValid
    elif not user.email_verified:
        # A stranger may have signed up with the address, and given the name.
        user.email_verified_at, user.full_name = timezone.now(), None
        Event.objects.record(Name.EMAIL_VERIFIED, actor, user.pk)


def networks(user: User) -> set[str]:
    """Return every network from which the account's password may just have been tried.

    A counter does not say of which network it is. But each failure is an event too; and where the
    account held a session, failures count for a day.
    """
    since = timezone.now() - settings.SIGNIN_RATE_ACCOUNT_NETWORK[1]
    seen = user.events.filter(created_at__gt=since).values_list("ip_address", flat=True)
    return {*map(ip_addresses.network, seen.distinct()), *known_networks(user)}


def known_networks(user: User) -> set[str]:
    """Return the networks where the account held a session."""
    return set(user.sessions.values_list("network", flat=True).distinct())


def signin_failure_limits(user: User) -> list[Limit]:
    """Return what failed sign-ins of the account count against, from wherever they came."""
    here = [limit("SIGNIN_RATE_ACCOUNT_NETWORK", user.email, network) for network in networks(user)]
    return [limit("SIGNIN_RATE_ACCOUNT", user.email), *here, *daily_limits(SIGNINS, user)]


def confirmation_limits(user: User) -> list[Limit]:
    """Return what wrong current passwords count against."""
    here = limit("REAUTHENTICATION_RATE_ACCOUNT", user.email)
    return [here, *daily_limits(CONFIRMATIONS, user)]


def daily_limits(door: str, user: User) -> list[Limit]:
    places = {STRANGE, *known_networks(user)}
    return [daily_limit(door, user.email, place) for place in places]


def failure_limits(user: User) -> list[Limit]:
    """Return what wrong passwords of the account count against, at every door."""
    return [*signin_failure_limits(user), *confirmation_limits(user)]


def blocks(user: User) -> list[throttling.Tally]:
    """Return the limits that are reached and keep the person from signing in somewhere.

    Those of whole networks too, from which the account was tried.
    """
    known, shared = known_networks(user), list[Limit]()
    for network in networks(user):
        around = network_limits("SIGNIN_RATE_NETWORK", network)
        shared += around[:1] if network in known else around
    found = throttling.tallies([*signin_failure_limits(user), *shared])
    return [tally for tally in found if tally.is_reached]


def confirmation_blocks(user: User) -> list[throttling.Tally]:
    """Return the limits that are reached and keep the password from confirming anything."""
    return [tally for tally in throttling.tallies(confirmation_limits(user)) if tally.is_reached]


@transaction.atomic
def unblock(user: User, actor: Actor) -> list[throttling.Tally]:
    """Forget the wrong passwords for the account, in every network, and the mails it asked for.

    Return what was counted. What a network shares is not the account's, and stays.
    """
    lifted = throttling.clear([*failure_limits(user), *outbox.quotas(user.email)])
    if lifted:
        names = sorted({tally.limit.name for tally in lifted})
        Event.objects.record(Name.ACCOUNT_UNBLOCKED, actor, user.pk, limits=names)
    return lifted
