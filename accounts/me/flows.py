"""Change and delete one's own account."""

from django.db import transaction
from django.utils import timezone

from accounts.actors.actor import Actor
from accounts.errors import InvalidToken, StaffCannotBeDeleted
from accounts.events.models import Event, Name
from accounts.outbox import flows as outbox
from accounts.passwords import flows as passwords
from accounts.reauthentication import flows as reauthentication
from accounts.reauthentication.flows import Proof
from accounts.sessions import flows as sessions
from accounts.sessions.models import Session
from accounts.users.models import User


def update(
    session: Session,
    actor: Actor,
    *,
    password: str | None = None,
    current_password: str | None = None,
    **profile: str | None,
) -> User:
    """Change the name, the password, both or neither, and return the user as it is now.

    Only the columns named are written, and only to a row that is still there: a request that
    read the user earlier undoes nothing and resurrects nobody. Raises what ``passwords.prepare``
    and ``passwords.replace`` raise, and TooManyAttempts.
    """
    password_hash = None
    if profile:
        sessions.count_change(session, Name.PROFILE_CHANGED, actor)
    if "full_name" in profile:
        session.user.full_name = profile["full_name"]  # A new password must not resemble it.
    if password is not None:
        password_hash = passwords.prepare(session, password, current_password, "password", actor)
    elif current_password is not None:
        reauthentication.require(session, Proof(current_password), actor)
    users = User.objects.filter(pk=session.user_id)
    with transaction.atomic():
        if password_hash:
            passwords.replace(session, password_hash, actor)
        if profile and users.update(**profile, updated_at=timezone.now()):
            Event.objects.record(
                Name.PROFILE_CHANGED, actor, session.user_id, session.pk, fields=sorted(profile)
            )
        user = users.first()
    if user is None:
        raise InvalidToken
    return user


def delete(session: Session, actor: Actor, current_password: str | None = None) -> None:
    """Delete the account and everything it owns.

    Raises StaffCannotBeDeleted, and what ``reauthentication.require`` and ``lock_user`` raise. The
    lock lets no sign-in start a session half-way through, and nobody be made staff.
    """
    refuse_staff(session.user)
    reauthentication.require(session, Proof(current_password), actor)
    with transaction.atomic():
        for user in User.objects.filter(pk=session.user_id).select_for_update():
            refuse_staff(user)
        user = reauthentication.lock_user(session)
        Event.objects.record(Name.ACCOUNT_DELETED, actor, user.pk, session.pk)
        outbox.notify("account_deleted", user, actor)
        user.delete()


def refuse_staff(user: User) -> None:
    """Raise StaffCannotBeDeleted if the user is one of them, as a stolen token could else."""
    if user.is_privileged:
        raise StaffCannotBeDeleted
