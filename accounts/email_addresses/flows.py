"""Verify an email address, change it, and undo a change."""

from enum import Enum, auto
from typing import NamedTuple

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.actors.actor import Actor
from accounts.auth import flows as auth
from accounts.errors import (
    CodeIncorrect,
    EmailTaken,
    InvalidToken,
    LinkNotValid,
    OwnershipRequired,
)
from accounts.events.models import Event, EventName
from accounts.links import flows as links
from accounts.links.models import LIFETIMES, Link, Purpose
from accounts.outbox import flows as outbox
from accounts.reauthentication import flows as reauthentication
from accounts.reauthentication.proofs import NOTHING, Proof
from accounts.sessions import flows as sessions
from accounts.sessions.models import Session
from accounts.throttling import flows as throttling
from accounts.throttling.limits import limit
from accounts.users.models import User


class Outcome(Enum):
    """The result of following a link."""

    DONE = auto()
    ACCESS_RESET = auto()  # Done; and all sessions have ended, and the password is void.
    REPEATED = auto()  # The same link had done it before.


class MailboxProof(NamedTuple):
    """The token or the code of a mail, and a proof that its reader owns the account.

    The proof is a session; or ``account`` with a token, ``email`` and ``password`` with a code.
    """

    token: str | None = None
    code: str | None = None
    session: Session | None = None
    account: Proof = NOTHING
    email: str | None = None
    password: str | None = None


def verify_email(proof: MailboxProof, actor: Actor, *, start_over: bool = False) -> Outcome:
    """Mark the email address as verified; with ``start_over``, reset all access too.

    Raises OwnershipRequired, or what ``find`` and ``consume`` raise; the link then stays good.
    """
    # The mail proves the mailbox, not that its reader signed up: anyone can sign up with another
    # person's email address. The reader either proves that the account is theirs too and keeps it
    # as it is, or starts over and sets a password with a new link.
    try:
        return verify_once(proof, actor, start_over=start_over)
    except LinkNotValid:
        if Link.objects.has_verified(proof.token or ""):
            return Outcome.REPEATED
        raise


def verify_once(proof: MailboxProof, actor: Actor, *, start_over: bool) -> Outcome:
    link, is_owner = find(Purpose.VERIFY, proof, actor)
    if not is_owner and not start_over and not link.user.email_verified:
        raise OwnershipRequired
    with transaction.atomic():
        user = consume(link, proof)
        users, now = User.objects.filter(pk=user.pk), timezone.now()
        users.update(email_verified_at=Coalesce("email_verified_at", now), updated_at=now)
        Event.objects.record(EventName.EMAIL_VERIFIED, actor, user.pk)
        if start_over:
            reset_access(user, actor)
    return Outcome.ACCESS_RESET if start_over else Outcome.DONE


def find(purpose: Purpose, proof: MailboxProof, actor: Actor) -> tuple[Link, bool]:
    """Return the link of a mail, and whether its reader has proven that the account is theirs.

    Raises LinkNotValid, CodeIncorrect or OwnershipRequired; InvalidToken for a session of another
    account; what ``reauthentication.check`` or ``auth.check_credentials`` raises.
    """
    session = proof.session
    if proof.token is not None:
        link = Link.objects.get_by_token(proof.token, purpose)
        if session and session.user_id != link.user_id:
            raise InvalidToken
        if proof.account.is_given:
            reauthentication.check(link.user, proof.account, actor)
        return link, session is not None or proof.account.is_given
    if session:
        return find_by_code(purpose, session.user, proof.code or "", actor), True
    if proof.email is None or proof.password is None:
        raise OwnershipRequired
    user = auth.check_credentials(proof.email, proof.password, actor)
    return find_by_code(purpose, user, proof.code or "", actor), True


def find_by_code(purpose: Purpose, user: User, code: str, actor: Actor) -> Link:
    """Return the link that was mailed with this code. Raises CodeIncorrect or TooManyAttempts."""
    # Each code has a few attempts. A stranger who signed up with another person's email address can
    # have mail after mail sent to it, so all their codes together have a limit too.
    limits = [limit("CODE_RATE_ACCOUNT", str(user.pk))]
    attempt = throttling.Attempt(limits, actor, user_id=user.pk)
    with throttling.counting_failures(attempt, CodeIncorrect):
        return Link.objects.get_by_code(user, purpose, code)


def consume(link: Link, proof: MailboxProof) -> User:
    """Use the link and return its user, whose row is locked.

    Raises LinkNotValid or CodeIncorrect if another request was first, or InvalidToken if the
    session of the proof has just ended.
    """
    try:
        user = link.consume()
    except LinkNotValid as error:
        if proof.token is None:
            raise CodeIncorrect from error
        raise
    if proof.session and not proof.session.is_still_live():
        raise InvalidToken
    return user


def reset_access(user: User, actor: Actor) -> None:
    """End all sessions, void the password, and mail a link to set another one.

    Call it in a transaction that has locked the user.
    """
    # If the email address was never verified, a stranger may have given the name too.
    name = user.full_name if user.email_verified else None
    User.objects.filter(pk=user.pk).update(password=make_password(None), full_name=name)
    ended = sessions.revoke_access(user)
    Event.objects.record(EventName.PASSWORD_CHANGED, actor, user.pk, sessions_ended=ended)
    outbox.send_link(user, Purpose.RESET, actor)


def request_change(session: Session, actor: Actor, new_email: str, proof: Proof = NOTHING) -> None:
    """Send a link to the new email address; nothing changes until it is followed.

    Raises what ``reauthentication.require`` and ``lock_user`` raise, and TooManyAttempts.
    """
    # Whether the new email address has an account is only told to its reader.
    reauthentication.require(session, proof, actor)
    sessions.count_change(session, EventName.EMAIL_CHANGE_REQUESTED, actor)
    has_quota = outbox.take_quota(Purpose.CHANGE, new_email, actor)
    if not has_quota:
        return
    with transaction.atomic():
        user = reauthentication.lock_user(session)
        outbox.send_link(user, Purpose.CHANGE, actor, email=new_email)
        Event.objects.record(EventName.EMAIL_CHANGE_REQUESTED, actor, user.pk, session.pk)


def confirm_change(proof: MailboxProof, actor: Actor) -> Outcome:
    """Store the new email address.

    Raises OwnershipRequired, what ``find`` and ``consume`` raise, or EmailTaken, also for the
    loser of a race; the link then stays good.
    """
    # The mail proves the mailbox. A person who asks for another person's email address must not get
    # it, verified, because that person followed the link. Nor may the reader start over: a mistyped
    # email address is a stranger's.
    link, is_owner = find(Purpose.CHANGE, proof, actor)
    if not is_owner:
        raise OwnershipRequired
    if links.is_taken(link.email, for_user=link.user_id):
        raise EmailTaken
    with transaction.atomic():
        user = consume(link, proof)
        if undo := user.links.to_undo(link.email).first():
            undo_and_reset(user, undo, actor)
            return Outcome.ACCESS_RESET
        was = User(pk=user.pk, email=user.email, email_verified_at=user.email_verified_at)
        user.move(link.email, verified_at=timezone.now())
        user.links.revocable().delete()
        tell_old_address(was, user, actor)
        outbox.notify("email_changed", user, actor)
        Event.objects.record(EventName.EMAIL_CHANGED, actor, user.pk)
    return Outcome.DONE


def tell_old_address(was: User, user: User, actor: Actor) -> None:
    """Tell the old email address of the change, with a link to undo it."""
    verified_at = was.email_verified_at
    if verified_at is None:  # It may be mistyped, and a stranger's.
        return
    # One that was verified recently may be a thief's, who gets no link to return with. The owner
    # has had the account for longer than an undo link lives.
    if verified_at <= timezone.now() - LIFETIMES[Purpose.UNDO]:
        outbox.send_link(user, Purpose.UNDO, actor, email=was.email)
    else:
        outbox.notify("email_changed", was, actor, email=user.email)


def tell_of_staff_change(user: User, was: User, actor: Actor) -> None:
    """Void the links of a user whose email address staff changed, and tell both mailboxes.

    Call it in the transaction of the change.
    """
    # All links, so nothing undoes what staff did. An old email address that was never verified may
    # be a stranger's, and is told nothing.
    user.links.all().delete()
    if was.email_verified:
        outbox.notify("email_changed", was, actor, email=user.email)
    outbox.notify("email_changed", user, actor)


def undo_change(token: str, actor: Actor) -> None:
    """Change back to the old email address, and reset all access.

    Raises LinkNotValid, or EmailTaken if staff gave the email address to another account.
    """
    link = Link.objects.get_by_token(token, Purpose.UNDO)
    with transaction.atomic():
        undo_and_reset(link.consume(), link, actor)


def undo_and_reset(user: User, undo: Link, actor: Actor) -> None:
    """Store the undo link's email address, and reset all access. Raises EmailTaken.

    Call it in a transaction that has locked the user.
    """
    undo.undo_change(user)
    Event.objects.record(EventName.EMAIL_CHANGE_UNDONE, actor, user.pk)
    reset_access(user, actor)
