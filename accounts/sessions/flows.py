"""Start a session and end sessions."""

from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.errors import InvalidCredentials
from accounts.sessions.models import Session, expiry
from accounts.sessions.tokens import AccessToken, RefreshToken
from accounts.users.models import User


class Tokens(NamedTuple):
    """What a client keeps of a session. ``expires_in`` is the access token's, in seconds."""

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int


def issue(session: Session) -> Tokens:
    """Return a new access token and the refresh token of the session's generation."""
    access, refresh = AccessToken.for_session(session), RefreshToken.for_session(session)
    return Tokens(str(access), str(refresh), "bearer", access["exp"] - access["iat"])


@transaction.atomic
def start(user: User, *, ip_address: str | None, user_agent: str) -> Tokens:
    """Start a session on a device whose password was just found right.

    Raises InvalidCredentials if the account was deleted or deactivated, or its password changed,
    since the password was compared: the row's lock puts this start before such a change, which
    then ends the session too, or after it.
    """
    unchanged = User.objects.filter(pk=user.pk, password=user.password, is_active=True)
    if not unchanged.select_for_update(no_key=True).values_list("pk"):
        raise InvalidCredentials
    make_room(user)
    now = timezone.now()
    session = Session.objects.create(
        user=user,
        ip_address=ip_address,
        user_agent=user_agent[:512],
        created_at=now,
        last_used_at=now,
        expires_at=expiry(now, now),
    )
    return issue(session)


def make_room(user: User) -> None:
    """End the oldest sessions, so that with one more there are ``SESSIONS_PER_USER`` at most."""
    newest = user.sessions.live().order_by("-created_at").values_list("pk", flat=True)
    surplus = list(newest[settings.SESSIONS_PER_USER - 1 :])
    if surplus:
        Session.objects.filter(pk__in=surplus).revoke()
