"""Change and delete one's own account."""

from django.db import transaction
from django.utils import timezone

from accounts.errors import InvalidToken
from accounts.passwords import flows as passwords
from accounts.sessions.models import Session
from accounts.users.models import User


def update(
    session: Session,
    *,
    password: str | None = None,
    current_password: str | None = None,
    **profile: str | None,
) -> User:
    """Change the name, the password, both or neither, and return the user as it is now.

    Only the columns named are written, and only to a row that is still there: a request that
    read the user earlier undoes nothing and resurrects nobody. Raises what ``passwords.prepare``
    and ``passwords.replace`` raise.
    """
    password_hash = None
    if "full_name" in profile:
        session.user.full_name = profile["full_name"]  # A new password must not resemble it.
    if password is not None:
        password_hash = passwords.prepare(session, password, current_password, attr="password")
    elif current_password is not None:
        passwords.confirm(session, current_password)
    users = User.objects.filter(pk=session.user_id)
    with transaction.atomic():
        if password_hash:
            passwords.replace(session, password_hash)
        if profile:
            users.update(**profile, updated_at=timezone.now())
        user = users.first()
    if user is None:
        raise InvalidToken
    return user


def delete(session: Session, current_password: str | None = None) -> None:
    """Delete the account and everything it owns.

    Raises what ``passwords.confirm`` raises, and InvalidToken if the account was deleted or its
    password changed in the meantime. The lock lets no sign-in start a session half-way through.
    """
    passwords.confirm(session, current_password)
    unchanged = User.objects.filter(pk=session.user_id, password=session.user.password)
    with transaction.atomic():
        user = unchanged.select_for_update().first()
        if user is None:
            raise InvalidToken
        user.delete()
