"""Change and delete one's own account."""

from types import EllipsisType

from django.db import transaction
from django.utils import timezone

from accounts.actors.actor import Actor
from accounts.errors import InvalidToken, StaffCannotBeDeleted
from accounts.events.models import Event, EventName
from accounts.outbox import flows as outbox
from accounts.passwords import flows as passwords
from accounts.reauthentication import flows as reauthentication
from accounts.reauthentication.proofs import NOTHING, Proof
from accounts.sessions import flows as sessions
from accounts.sessions.models import Session
from accounts.users.models import User


def update(
    session: Session,
    actor: Actor,
    *,
    full_name: str | EllipsisType | None = ...,
    password: str | None = None,
    proof: Proof = NOTHING,
) -> User:
    """Change the name (``...`` keeps it), the password, both or neither; return the user.

    Raises TooManyAttempts, and the errors of ``passwords.prepare`` and ``passwords.replace``.
    """
    password_hash = None
    if full_name is not ...:
        sessions.count_change(session, EventName.PROFILE_CHANGED, actor)
        session.user.full_name = full_name  # A new password must not resemble it.
    if password is not None:
        password_hash = passwords.prepare(session, password, proof, "password", actor)
    elif proof.is_given:
        reauthentication.require(session, proof, actor)
    # Write only the changed columns, and only to an existing row: since this request read the user,
    # another may have changed or deleted them.
    users = User.objects.filter(pk=session.user_id)
    with transaction.atomic():
        if password_hash:
            passwords.replace(session, password_hash, actor)
        if full_name is not ... and users.update(full_name=full_name, updated_at=timezone.now()):
            details = {"fields": ["full_name"]}
            Event.objects.record(
                EventName.PROFILE_CHANGED, actor, session.user_id, session.pk, **details
            )
        user = users.first()
    if user is None:
        raise InvalidToken
    return user


def delete(session: Session, actor: Actor, proof: Proof = NOTHING) -> None:
    """Delete the account and everything it owns.

    Raises StaffCannotBeDeleted, and the errors of ``reauthentication``.
    """
    refuse_staff(session.user)
    reauthentication.require(session, proof, actor)
    with transaction.atomic():
        # The lock keeps a sign-in from starting a session, and staff from making the user staff.
        for user in User.objects.filter(pk=session.user_id).select_for_update():
            refuse_staff(user)
        user = reauthentication.lock_user(session)
        Event.objects.record(EventName.ACCOUNT_DELETED, actor, user.pk, session.pk)
        outbox.notify("account_deleted", user, actor)
        user.delete()


def refuse_staff(user: User) -> None:
    # A stolen token must not be able to delete an account of staff.
    if user.is_privileged:
        raise StaffCannotBeDeleted
