"""A session: one signed-in device, one family of refresh tokens, one row."""

from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection, models
from django.db.models.functions import Now
from django.utils import timezone

from accounts.actors import devices


@cache
def with_user() -> tuple[Any, str, dict[int, Any]]:
    """Return the compiled query of a session with its user, its SQL and its converters."""
    # Every request of a signed-in user makes it: compiling it took a third of such a request.
    query = Session.objects.select_related("user").filter(pk=UUID(int=0)).query
    compiler = query.get_compiler(connection=connection)
    sql, _ = compiler.as_sql()
    columns = [expression for expression, *_ in compiler.select]
    return compiler, sql, compiler.get_converters(columns)


@cache
def column_names(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


# A refresh is this one statement; to have it compiled took a third of its request's time.
ROTATE = """
    UPDATE sessions
    SET generation = %(generation)s, last_used_at = %(last_used_at)s, expires_at = %(expires_at)s,
        first_used_at = NULL, refresh_network = %(refresh_network)s,
        device = CASE WHEN device = %(unknown)s THEN %(device)s ELSE device END
    WHERE id = %(id)s AND generation = %(current)s
        AND revoked_at IS NULL AND expires_at > %(last_used_at)s
"""
ROTATED = {"id", "generation", "last_used_at", "expires_at", "refresh_network", "device"}


class SessionQuerySet(models.QuerySet["Session"]):
    def live(self) -> "SessionQuerySet":
        return self.filter(revoked_at=None, expires_at__gt=timezone.now())

    def find(self, key: UUID) -> "Session | None":
        """Return the session with this key, live or ended, with its user."""
        compiler, sql, converters = with_user()
        with connection.cursor() as cursor:
            cursor.execute(sql, [Session._meta.pk.get_db_prep_value(key, connection)])
            row = cursor.fetchone()
        if row is None:
            return None
        (row,) = compiler.apply_converters([row], converters) if converters else [row]
        columns, user_columns = column_names(Session), column_names(get_user_model())
        session = Session.from_db(self.db, columns, row[: len(columns)])
        session.user = get_user_model().from_db(self.db, user_columns, row[len(columns) :])
        return session

    def rotate(self, next_: "Session") -> bool:
        """Advance a live session by one generation; return False if another request was first."""
        # Every condition is on the row's own columns, so of several requests one changes it. A
        # device without a name, as in a row of an earlier version, gets one here.
        values: dict[str, Any] = {
            field.name: field.get_db_prep_save(getattr(next_, field.name), connection)
            for field in Session._meta.concrete_fields
            if field.name in ROTATED
        }
        with connection.cursor() as cursor:
            values |= {"current": next_.generation - 1, "unknown": devices.UNKNOWN}
            cursor.execute(ROTATE, values)
            return bool(cursor.rowcount == 1)

    def mark_used(self, key: UUID, generation: int) -> None:
        """Record that the tokens of this generation have reached their client."""
        current = self.filter(pk=key, generation=generation, first_used_at=None)
        current.update(first_used_at=timezone.now())

    def ended_before(self, instant: datetime) -> "SessionQuerySet":
        """Select sessions that had ended by then."""
        # They had also been started, which is indexed.
        over = models.Q(revoked_at__lt=instant) | models.Q(expires_at__lt=instant)
        return self.filter(over, created_at__lt=instant)

    def revoke(self) -> int:
        """End the sessions from the next request on; return how many were live."""
        return self.live().update(revoked_at=timezone.now())


class Session(models.Model):
    """A device on which a user is signed in."""

    # ``created_at`` limits the whole session; ``authenticated_at`` is when the user last proved
    # their identity. ``first_used_at`` is when a token of this generation was first used, or None;
    # ``refresh_network`` is the network that the generation's refresh came from.
    #
    # ``generation`` counts the exchanges of the refresh token. Only the token of the current one is
    # good, so no secret is stored here and a stolen dump mints no token.
    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sessions"
    )
    generation = models.PositiveIntegerField(default=0)
    ip_address = models.GenericIPAddressField(null=True)
    network = models.CharField(max_length=43, blank=True)
    user_agent = models.CharField(max_length=512, blank=True)
    device = models.CharField(max_length=64, default=devices.UNKNOWN, db_default=devices.UNKNOWN)
    created_at = models.DateTimeField(db_index=True)
    authenticated_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField()
    first_used_at = models.DateTimeField(null=True)
    refresh_network = models.CharField(max_length=43, blank=True, db_default="")
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    objects = SessionQuerySet.as_manager()

    class Meta:
        db_table = "sessions"

    def __str__(self) -> str:
        return f"session of user {self.user_id}"

    @property
    def is_live(self) -> bool:
        return self.revoked_at is None and self.expires_at > timezone.now()

    def is_still_live(self) -> bool:
        """Return whether the row is live, which may have changed since it was read."""
        return type(self).objects.live().filter(pk=self.pk).exists()

    def is_within_grace(self, now: datetime) -> bool:
        """Return whether the previous generation may be repeated, by a second tab for example."""
        if self.first_used_at is None:
            return True
        # The version before does not record the first use.
        since = max(self.first_used_at, self.last_used_at)
        return now - since <= timedelta(seconds=settings.REFRESH_GRACE_SECONDS)

    @property
    def is_fresh(self) -> bool:
        """Whether the user proved their identity recently enough for a sensitive change."""
        age = timezone.now() - self.authenticated_at
        return age < timedelta(minutes=settings.REAUTHENTICATION_MINUTES)


def expiry(signed_in_at: datetime, used_at: datetime) -> datetime:
    """Return when a session ends that is not used again: its idle or its absolute limit."""
    idle = timedelta(days=settings.REFRESH_TOKEN_EXPIRE_DAYS)
    return min(used_at + idle, signed_in_at + timedelta(days=settings.SESSION_MAX_DAYS))
