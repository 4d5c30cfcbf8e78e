"""Start a session, refresh it, find it, end it."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple, TypeVar

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.models import Session as AdminSession
from django.db import transaction
from django.utils import timezone
from rest_framework.exceptions import NotAuthenticated

from accounts.actors.actor import Actor
from accounts.errors import ForgedToken, InvalidCredentials, InvalidToken
from accounts.events.models import Event, EventName, build, publish
from accounts.links.models import Link
from accounts.outbox import flows as outbox
from accounts.sessions.models import Session, SessionQuerySet, expiry
from accounts.sessions.tokens import AccessToken, RefreshToken, SessionToken
from accounts.throttling import flows as throttling
from accounts.throttling import forgeries
from accounts.throttling.limits import limit
from accounts.users.models import User

Token = TypeVar("Token", bound=SessionToken)
BATCH = 1000  # Rows that one transaction ends, so that no request waits for long.


class Tokens(NamedTuple):
    """The tokens of a session; ``expires_in`` is the access token's lifetime in seconds."""

    access_token: str
    refresh_token: str
    token_type: str
    expires_in: int


def issue(session: Session) -> Tokens:
    """Return a new access token and the refresh token of the session's generation."""
    access, refresh = AccessToken.for_session(session), RefreshToken.for_session(session)
    return Tokens(str(access), str(refresh), "bearer", access["exp"] - access["iat"])


@transaction.atomic
def start(user: User, actor: Actor) -> Tokens:
    """Start a session after the password was found right.

    Raises InvalidCredentials if the account was deleted or deactivated, or its password changed,
    since the password was compared.
    """
    # The row's lock puts this start before such a change, which then ends the session, or after.
    unchanged = User.objects.filter(pk=user.pk, password=user.password, is_active=True)
    if not unchanged.select_for_update(no_key=True).values_list("pk"):
        raise InvalidCredentials
    end_oldest(user, actor)
    now = timezone.now()
    session = Session.objects.create(
        user=user,
        ip_address=actor.ip_address,
        network=actor.network,
        user_agent=actor.user_agent,
        device=actor.device,
        created_at=now,
        authenticated_at=now,
        last_used_at=now,
        first_used_at=now,  # No generation comes before this one: there is nothing to wait for.
        refresh_network=actor.network,
        expires_at=expiry(now, now),
    )
    Event.objects.record(EventName.SIGNIN_SUCCEEDED, actor, user.pk, session.pk)
    return issue(session)


def end_oldest(user: User, actor: Actor) -> None:
    """End the oldest sessions, so that one more is within ``SESSIONS_PER_USER``."""
    newest = user.sessions.live().order_by("-created_at").values_list("pk", flat=True)
    surplus = list(newest[settings.SESSIONS_PER_USER - 1 :])
    if surplus:
        end(Session.objects.filter(pk__in=surplus), actor._replace(by="limit"))


def replace(access_token: str | None, user: User, actor: Actor) -> None:
    """End the device's earlier session when its user signs in again (OWASP ASVS 5.0, 7.2.4).

    A stale token, or one of another user, ends nothing. Call it in the transaction of ``start``.
    """
    if access_token is not None:
        with suppress(InvalidToken):
            token = parse(AccessToken, access_token, actor)
            end(user.sessions.filter(pk=token.sid), actor)


def refresh(refresh_token: str, actor: Actor) -> Tokens:
    """Exchange a refresh token for the next pair (RFC 6749, section 6; RFC 9700, section 4.14).

    Raises InvalidToken.
    """
    # One statement advances the session; its other values come from the token's claims.
    token = parse(RefreshToken, refresh_token, actor)
    now = timezone.now()
    next_ = Session(
        pk=token.sid,
        user_id=token.user_id,
        generation=token.generation + 1,
        created_at=token.signed_in_at,
        last_used_at=now,
        expires_at=expiry(token.signed_in_at, now),
        refresh_network=actor.network,
        device=actor.device,
    )
    if Session.objects.rotate(next_):
        return issue(next_)
    return issue(accept_or_revoke(token, now, actor))


def parse(kind: type[Token], text: str, actor: Actor) -> Token:
    """Parse a token that a client sent. Raises InvalidToken, and records a forged one."""
    try:
        return kind.parse(text)
    except ForgedToken:
        forgeries.record("token", actor)
        raise


def accept_or_revoke(token: RefreshToken, now: datetime, actor: Actor) -> Session:
    """Return the session of a current refresh token, or of one that may be repeated.

    An older token ends the session, for thief and owner alike. Raises InvalidToken.
    """
    session = Session.objects.filter(pk=token.sid).first()
    if session is None or not session.is_live:
        raise InvalidToken
    if session.generation == token.generation:
        return session
    is_previous = session.generation == token.generation + 1
    if is_previous and settings.REFRESH_GRACE_SECONDS and session.is_within_grace(now):
        return repeat(session, actor)
    with transaction.atomic():
        if Session.objects.filter(pk=session.pk).revoke():
            Event.objects.record(EventName.REFRESH_REUSE, actor, session.user_id, session.pk)
            outbox.notify("refresh_reuse", session.user, actor)
    raise InvalidToken


def repeat(session: Session, actor: Actor) -> Session:
    """Return the session if its tokens may be issued again. Raises InvalidToken."""
    # Until its tokens are used, the answer that held them may be lost, and the phone that missed it
    # may be in another network by now. Once they were used, only a second tab repeats the refresh,
    # from the same network; a repeat from elsewhere may be a thief's. The session goes on, since it
    # may also be the owner's, who moved between networks within these seconds.
    if session.first_used_at and session.refresh_network != actor.network:
        raise InvalidToken
    return session


def find(access_token: str | None, refresh_token: str | None, actor: Actor) -> Session:
    """Return the session that the tokens name, live or ended.

    Raises NotAuthenticated without a token; InvalidToken if none is valid, if the refresh token
    is used, or if the two name different sessions. A refresh token excuses a bad access token.
    """
    # If they name different sessions, it is unclear whose request this is.
    if access_token is None and refresh_token is None:
        raise NotAuthenticated
    refresh = None if refresh_token is None else parse(RefreshToken, refresh_token, actor)
    access = parse_access(access_token, actor, or_none=refresh is not None)
    named = {token.sid for token in (access, refresh) if token}
    session = Session.objects.filter(pk__in=named).first()
    if session is None or len(named) > 1:
        raise InvalidToken
    if refresh and session.is_live:
        return accept_or_revoke(refresh, timezone.now(), actor)
    return session


def parse_access(access_token: str | None, actor: Actor, *, or_none: bool) -> AccessToken | None:
    """Return the parsed token, or None for no token. Raises InvalidToken unless ``or_none``."""
    try:
        return None if access_token is None else parse(AccessToken, access_token, actor)
    except InvalidToken:
        if or_none:
            return None
        raise


def count_change(session: Session, name: EventName, actor: Actor) -> None:
    """Count one more change of this kind to the account. Raises TooManyAttempts.

    Call it before the change, and outside of its transaction: a rollback would undo the count.
    """
    # Each change is an event, which is kept for long.
    limits = [limit("CHANGE_RATE_ACCOUNT", name, str(session.user_id))]
    throttling.take(
        throttling.Attempt(limits, actor, user_id=session.user_id, session_id=session.pk)
    )


@transaction.atomic
def end(sessions: SessionQuerySet, actor: Actor, *, is_published: bool = True) -> int:
    """End the live ones of these sessions, each with an event, and return their number."""
    # Locked first, so that a session that two requests end is recorded once.
    live = sessions.live().order_by("pk").select_for_update(no_key=True, of=("self",))
    owners = dict(live.values_list("pk", "user_id"))
    Session.objects.filter(pk__in=owners).revoke()
    events = (build(EventName.SESSION_ENDED, actor, user_id, pk) for pk, user_id in owners.items())
    Event.objects.write(events, is_published=is_published)
    return len(owners)


def revoke_access(*users: User, keep: Session | None = None) -> int:
    """End the users' sessions except ``keep``, also in the admin, and void their links.

    Call it in a transaction that has locked the users. Returns how many sessions were live.
    """
    # Links that undo a change of email address stay: otherwise a thief could end those too.
    ids = [user.pk for user in users]
    sessions = Session.objects.filter(user__in=ids)
    ended = sessions.exclude(pk=keep.pk).revoke() if keep else sessions.revoke()
    Link.objects.revocable().filter(user__in=ids).delete()
    if staff := [user.pk for user in users if user.is_staff]:
        end_admin_sessions(staff)
    return ended


@transaction.atomic
def end_everywhere(users: list[int], actor: Actor) -> int:
    """Sign users out everywhere, with an event for each session; return how many were live."""
    # Locked first, so that no link is requested half-way through: a thief's change of email
    # address would outlive their session.
    locked = list(User.objects.filter(pk__in=users).order_by("pk").select_for_update())
    ended = end(Session.objects.filter(user__in=locked), actor)
    revoke_access(*locked)
    return ended


def end_all(sessions: SessionQuerySet, actor: Actor) -> int:
    """End any number of sessions, in batches, and return how many were live.

    Each has an event in the audit log; the log of the process has one line for all.
    """
    ended, batch = 0, sessions.live().order_by("pk")
    try:
        while pks := list(batch.values_list("pk", flat=True)[:BATCH]):
            ended += end(Session.objects.filter(pk__in=pks), actor, is_published=False)
            batch = batch.filter(pk__gt=pks[-1])
    finally:  # Also if it is interrupted.
        publish(build(EventName.SESSION_ENDED, actor, sessions_ended=ended), ended)
    return ended


@transaction.atomic
def store_admin_session(user: User, session: SessionBase) -> None:
    """Store a staff member's session in the admin, after their password was checked or set.

    Raises InvalidCredentials if in the meantime the account was deactivated, is not staff any
    more, or has another password.
    """
    # The row's lock puts this before such a change, which then finds the session and ends it, or
    # after it. Otherwise the session would be good again when the account is.
    unchanged = User.objects.filter(
        pk=user.pk, password=user.password, is_active=True, is_staff=True
    )
    if not unchanged.select_for_update(no_key=True).values_list("pk"):
        raise InvalidCredentials
    session.save()


def end_admin_sessions(users: Iterable[int] | None = None) -> None:
    """End the admin's sessions of these users, or all of them."""
    # Only staff have one, so there are few. Django keeps the user's id inside the session.
    owners = None if users is None else {str(user) for user in users}
    for session in AdminSession.objects.iterator():
        if owners is None or session.get_decoded().get(SESSION_KEY) in owners:
            session.delete()
