"""Start a session, refresh it, find it, end it."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session as Cookie
from django.db import transaction
from django.utils import timezone
from rest_framework.exceptions import NotAuthenticated

from accounts.clients.client import Client
from accounts.errors import InvalidCredentials, InvalidToken
from accounts.sessions.models import Session, SessionQuerySet, expiry
from accounts.sessions.tokens import AccessToken, RefreshToken
from accounts.users.models import User

BATCH = 1000  # Rows that one statement deletes or ends, so that it takes milliseconds.

logger = logging.getLogger(__name__)


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
def start(user: User, client: Client) -> Tokens:
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
        ip_address=client.ip_address,
        network=client.network,
        user_agent=client.user_agent,
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


def refresh(refresh_token: str) -> Tokens:
    """Exchange a refresh token for the next pair (RFC 6749, section 6; RFC 9700, section 4.14).

    The winner of any race is who changes the row, and that one statement is all it takes: the
    claims hold what the next tokens need. The token just before gets the same successor for
    ``REFRESH_GRACE_SECONDS``, since two tabs and a lost answer are no theft. Any other one that
    was used before is: its session ends, for thief and owner alike.

    Raises InvalidToken.
    """
    token = RefreshToken.parse(refresh_token)
    now = timezone.now()
    next_ = Session(
        pk=token.sid,
        user_id=token.user_id,
        generation=token.generation + 1,
        created_at=token.signed_in_at,
        last_used_at=now,
        expires_at=expiry(token.signed_in_at, now),
    )
    current = Session.objects.live().filter(pk=token.sid, generation=token.generation)
    if current.update(generation=next_.generation, last_used_at=now, expires_at=next_.expires_at):
        return issue(next_)
    return issue(recognize(token, now))


def recognize(token: RefreshToken, now: datetime) -> Session:
    """Return the live session of a refresh token that may still be used.

    That is the current one, or the one before within the grace. Any other ends the session.
    Raises InvalidToken.
    """
    session = Session.objects.filter(pk=token.sid).first()
    if session is None or not session.is_live:
        raise InvalidToken
    grace = timedelta(seconds=settings.REFRESH_GRACE_SECONDS)
    is_previous = session.generation == token.generation + 1
    if session.generation == token.generation:
        return session
    if is_previous and grace and now - session.last_used_at <= grace:
        return session
    Session.objects.filter(pk=session.pk).revoke()
    logger.warning("refresh_reuse user=%s session=%s", session.user_id, session.pk)
    raise InvalidToken


def find(access_token: str | None, refresh_token: str | None) -> Session:
    """Return the session that either token names, live or ended.

    Beside a refresh token, an access token that has expired is as good as none. Raises
    NotAuthenticated without any token; InvalidToken if none is valid, if the two name different
    sessions, so that it is unclear whose wish this is, or if the refresh token is used up.
    """
    if access_token is None and refresh_token is None:
        raise NotAuthenticated
    refresh = None if refresh_token is None else RefreshToken.parse(refresh_token)
    access = parse_access(access_token, or_none=refresh is not None)
    named = {token.sid for token in (access, refresh) if token}
    session = Session.objects.filter(pk__in=named).first()
    if session is None or len(named) > 1:
        raise InvalidToken
    if refresh and session.is_live:
        return recognize(refresh, timezone.now())
    return session


def parse_access(access_token: str | None, *, or_none: bool) -> AccessToken | None:
    """Return the access token, or None where a bad one is forgiven. Raises InvalidToken."""
    try:
        return None if access_token is None else AccessToken.parse(access_token)
    except InvalidToken:
        if or_none:
            return None
        raise


def purge(ended_before: datetime) -> int:
    """Delete the sessions that were over by then, and return how many.

    In batches, each a transaction of its own: whoever waits for a row waits for a batch at most.
    """
    purged = 0
    while batch := list(
        Session.objects.ended_before(ended_before).values_list("pk", flat=True)[:BATCH]
    ):
        purged += Session.objects.filter(pk__in=batch).delete()[0]
    return purged


def end_all(sessions: SessionQuerySet) -> int:
    """End the live ones of these sessions, in batches, and return how many there were."""
    ended, batch = 0, sessions.live().order_by("pk")
    while pks := list(batch.values_list("pk", flat=True)[:BATCH]):
        ended += Session.objects.filter(pk__in=pks).revoke()
        batch = batch.filter(pk__gt=pks[-1])
    return ended


def end_cookies(users: Iterable[int] | None = None) -> None:
    """End the admin's own sessions of these users, or of everybody.

    They are few: only staff have one. Django keeps whose each is inside it.
    """
    owners = None if users is None else {str(user) for user in users}
    for cookie in Cookie.objects.iterator():
        if owners is None or cookie.get_decoded().get(SESSION_KEY) in owners:
            cookie.delete()
