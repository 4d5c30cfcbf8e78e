"""Prove an address, change it, and take a change back."""

from enum import Enum, auto

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.clients.client import Client
from accounts.errors import EmailTaken, InvalidToken, LinkNotValid, ReauthenticationRequired
from accounts.events.models import Event, Name
from accounts.mails import flows as mails
from accounts.mails.models import Link, Purpose
from accounts.passwords import flows as passwords
from accounts.sessions.models import Session
from accounts.users.models import User


def is_taken(email: str, for_user: int | None = None) -> bool:
    """Return whether the address is an account's, or was until so lately that it may be again.

    Whoever had it may have it back.

    Users are asked first: a change of address that comes between the two questions has left its
    link behind by the second one.
    """
    if User.objects.filter(email=email).exists():
        return True
    reserved = Link.objects.live().filter(purpose=Purpose.UNDO, email=email)
    return reserved.exclude(user=for_user).exists()


class Verification(Enum):
    """What came of following a link to verify an address."""

    DONE = auto()
    PUT_OUT = auto()  # Done too, and everyone who has been inside is signed out.
    REPEATED = auto()  # This link had done it before.


def verify(
    token: str, client: Client, session: Session | None = None, current_password: str | None = None
) -> Verification:
    """Mark the address as proven; a link that has done so already does nothing more.

    The link proves the mailbox, not that its reader is who signed up: anybody can sign up with
    another person's address. Whoever also comes with a session of the account, or with its
    password, keeps everything. Otherwise whoever has been inside is put out: the sessions end,
    the password is void, and a link to set another one goes to the proven address.

    Raises LinkNotValid, or what ``is_owner`` and ``consume`` raise; then the link is good still.
    """
    try:
        return verify_once(token, client, session, current_password)
    except LinkNotValid:
        if Link.objects.has_verified(token):
            return Verification.REPEATED
        raise


def verify_once(
    token: str, client: Client, session: Session | None, current_password: str | None
) -> Verification:
    link = Link.objects.present(token, Purpose.VERIFY)
    is_owners = is_owner(link, client, session, current_password)
    with transaction.atomic():
        user = consume(link, session)
        keeps = is_owners or user.email_verified or not has_been_inside(user)
        users, now = User.objects.filter(pk=user.pk), timezone.now()
        users.update(email_verified_at=Coalesce("email_verified_at", now), updated_at=now)
        Event.objects.record(Name.EMAIL_VERIFIED, client, user.pk)
        if not keeps:
            put_out(user, client)
    return Verification.DONE if keeps else Verification.PUT_OUT


def is_owner(
    link: Link, client: Client, session: Session | None, current_password: str | None
) -> bool:
    """Return whether the reader of the link shows that the account is his too.

    A session of it does, or its password. A session of somebody else is no better than one that
    has ended. Raises InvalidToken, or what ``passwords.verify`` raises.
    """
    if session and session.user_id != link.user_id:
        raise InvalidToken
    if current_password is not None:
        passwords.verify(link.user, current_password, client.network, client)
    return session is not None or current_password is not None


def consume(link: Link, session: Session | None) -> User:
    """Use the link up and return its user, whose row is locked.

    Raises LinkNotValid, or InvalidToken if the session that was shown with it has just ended.
    """
    user = link.consume()
    if session and not session.lives_still():
        raise InvalidToken
    return user


def has_been_inside(user: User) -> bool:
    """Return whether anybody ever signed in to the account.

    The log remembers it for ``EVENT_RETENTION_DAYS``, which is longer than sessions are kept.
    """
    signed_in = user.events.filter(name=Name.SIGNIN_SUCCEEDED)
    return user.sessions.exists() or signed_in.exists()


def put_out(user: User, client: Client) -> None:
    """End every session and the password, and let the mailbox set another one.

    Belongs into a transaction that has locked the user.
    """
    User.objects.filter(pk=user.pk).update(password=make_password(None))
    ended = user.sessions.all().revoke()
    user.links.revocable().delete()
    Event.objects.record(Name.PASSWORD_CHANGED, client, user.pk, sessions_ended=ended)
    mails.send_link(user, Purpose.RESET, client)


def request_change(
    session: Session, client: Client, new_email: str, current_password: str | None = None
) -> None:
    """Send a link to the new address; until somebody follows it, nothing changes.

    Whether it has an account is told to nobody but who can read it. Raises what
    ``passwords.confirm`` and ``passwords.lock`` raise, and TooManyAttempts.
    """
    passwords.confirm(session, current_password, client)
    if not mails.may_send(Purpose.CHANGE, new_email, client):
        return
    with transaction.atomic():
        user = passwords.lock(session)
        mails.send_link(user, Purpose.CHANGE, client, email=new_email)
        Event.objects.record(Name.EMAIL_CHANGE_REQUESTED, client, user.pk, session.pk)


def confirm_change(
    token: str, client: Client, session: Session | None = None, current_password: str | None = None
) -> None:
    """Give the account the address whose mailbox the link was sent to.

    The link proves the mailbox, and only its owner may give that to an account: whoever asks for
    another person's address must not get it, verified, because that person followed the link.
    The old address gets a notice with a link that takes it back, if it was ever proven: a mistyped
    one is a stranger's, who would take the account.

    Raises LinkNotValid, ReauthenticationRequired without a session of the account or its password,
    what ``is_owner`` and ``consume`` raise, or EmailTaken, also for the loser of a race; then the
    link is good still.
    """
    link = Link.objects.present(token, Purpose.CHANGE)
    if not is_owner(link, client, session, current_password):
        raise ReauthenticationRequired
    if is_taken(link.email, for_user=link.user_id):
        raise EmailTaken
    with transaction.atomic():
        user = consume(link, session)
        old_email = user.email if user.email_verified else None
        move(user, link.email)
        user.links.revocable().delete()
        if old_email:
            mails.send_link(user, Purpose.UNDO, client, email=old_email)
        mails.notify("email_changed", user, client)
        Event.objects.record(Name.EMAIL_CHANGED, client, user.pk)


def move(user: User, email: str) -> None:
    """Store a proven address. Raises EmailTaken."""
    now = timezone.now()
    try:
        with transaction.atomic():
            User.objects.filter(pk=user.pk).update(
                email=email, email_verified_at=now, updated_at=now
            )
    except IntegrityError as error:
        raise EmailTaken from error
    user.email, user.email_verified_at = email, now


def follow_staff(user: User, was: User, client: Client) -> None:
    """Void every link of a user to whom staff gave another address, and tell both mailboxes.

    Staff have the last word, so nothing undoes it. As everywhere, an old address that was never
    proven is told nothing. Belongs into the transaction of the change.
    """
    user.links.all().delete()
    if was.email_verified:
        mails.notify("email_changed", was, client, email=user.email)
    mails.notify("email_changed", user, client)


def undo_change(token: str, client: Client) -> None:
    """Bring an address back, and put out whoever changed it.

    What was changed after it cannot be undone to another address any more; what was changed
    before it still can. Raises LinkNotValid, or EmailTaken if staff gave the address to somebody.
    """
    link = Link.objects.present(token, Purpose.UNDO)
    with transaction.atomic():
        user = link.consume()
        move(user, link.email)
        user.links.filter(purpose=Purpose.UNDO, pk__gt=link.pk).delete()
        Event.objects.record(Name.EMAIL_CHANGE_UNDONE, client, user.pk)
        put_out(user, client)
