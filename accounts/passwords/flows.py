"""Change a password, by its owner or by staff."""

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone

from accounts.actors.actor import Actor
from accounts.errors import (
    InvalidToken,
    LinkNotValid,
    PasswordIncorrect,
    PasswordUnchanged,
)
from accounts.events.models import Event, EventName
from accounts.links.models import Link, Purpose
from accounts.lockouts import flows as lockouts
from accounts.outbox import flows as outbox
from accounts.passwords import policy
from accounts.reauthentication import flows as reauthentication
from accounts.reauthentication.proofs import Proof
from accounts.sessions import flows as sessions
from accounts.sessions.models import Session
from accounts.users.hashers import in_one_form
from accounts.users.models import User


def prepare(session: Session, new_password: str, proof: Proof, attr: str, actor: Actor) -> str:
    """Return the hash of a new password that its owner may have.

    Raises what ``reauthentication.require`` raises; PasswordRefused or PasswordUnchanged, with the
    request's ``attr``; TooManyAttempts after many changes.
    """
    # Two hashes: call it before the transaction of ``replace``, which holds a lock.
    try:
        reauthentication.require(session, proof, actor)
    except PasswordIncorrect as error:
        raise PasswordIncorrect(policy.refusals(new_password, session.user, attr)) from error
    policy.check(new_password, session.user, attr)
    if proof.password is None:
        is_unchanged = session.user.check_password(new_password)
    else:
        is_unchanged = in_one_form(new_password) == in_one_form(proof.password)
    if is_unchanged:
        raise PasswordUnchanged(attr)
    sessions.count_change(session, EventName.PASSWORD_CHANGED, actor)
    return make_password(new_password)


@transaction.atomic
def replace(session: Session, password_hash: str, actor: Actor) -> None:
    """Store the hash and end the user's other sessions.

    Raises what ``reauthentication.lock_user`` raises.
    """
    # Locked before the sessions end: a sign-in with the old password either waits for this and
    # fails, or has started its session and loses it.
    user = reauthentication.lock_user(session)
    users = User.objects.filter(pk=user.pk)
    users.update(password=password_hash, updated_at=timezone.now())
    ended = sessions.revoke_access(user, keep=session)
    Event.objects.record(
        EventName.PASSWORD_CHANGED, actor, user.pk, session.pk, sessions_ended=ended
    )
    outbox.notify("password_changed", user, actor)


def change(session: Session, new_password: str, proof: Proof, actor: Actor) -> None:
    """Change a password that its owner knows. Raises what ``prepare`` and ``replace`` raise."""
    password_hash = prepare(session, new_password, proof, "new_password", actor)
    replace(session, password_hash, actor)


def set_by_staff(
    user: User, new_password: str | None, actor: Actor, *, is_own: bool = False
) -> None:
    """Set a password, end the user's sessions, and lift the account's blocks.

    Without a password, only a link in a mail or staff open the account again. Raises InvalidToken
    if the account was deleted, or if their own password changed since they gave it.
    """
    users = User.objects.filter(pk=user.pk)
    if is_own:
        users = users.filter(password=user.password)
    user.password = make_password(new_password)
    with transaction.atomic():
        if not users.update(password=user.password, updated_at=timezone.now()):
            raise InvalidToken
        ended = sessions.revoke_access(user)
        lockouts.forgive(user)
        Event.objects.record(EventName.PASSWORD_CHANGED, actor, user.pk, sessions_ended=ended)
        outbox.notify("password_changed", user, actor)


def reset(token: str, new_password: str, actor: Actor) -> None:
    """Set the password with the link of a mail, end every session, and lift the blocks.

    Raises LinkNotValid; or PasswordRefused, Overloaded or EmailTaken, and then the link is still
    good.
    """
    try:
        link = Link.objects.get_by_token(token, Purpose.RESET)
    except LinkNotValid as error:
        # The account is not known, so the password is compared with no email address or name.
        raise LinkNotValid(policy.refusals(new_password, User(), attr="password")) from error
    policy.check(new_password, link.user, attr="password")
    password_hash = make_password(new_password)
    with transaction.atomic():
        user = link.consume()
        accept_mailbox(user, link.email, actor)
        User.objects.filter(pk=user.pk).update(
            password=password_hash,
            full_name=user.full_name,
            email_verified_at=user.email_verified_at,
            updated_at=timezone.now(),
        )
        ended = sessions.revoke_access(user)
        lockouts.forgive(user)
        Event.objects.record(EventName.PASSWORD_RESET, actor, user.pk, sessions_ended=ended)
        outbox.notify("password_changed", user, actor)


def accept_mailbox(user: User, email: str, actor: Actor) -> None:
    """Take the email address that a link went to as verified; the caller stores the user.

    It is the account's, or the one that a change can be undone to. Raises LinkNotValid if it no
    longer is, or EmailTaken.
    """
    if undo := user.links.to_undo(email).first():
        undo.undo_change(user)
        Event.objects.record(EventName.EMAIL_CHANGE_UNDONE, actor, user.pk)
    elif user.email != email:
        raise LinkNotValid
    elif not user.email_verified:
        # A stranger may have signed up with the email address, and given the name.
        user.email_verified_at, user.full_name = timezone.now(), None
        Event.objects.record(EventName.EMAIL_VERIFIED, actor, user.pk)
