"""The audit log: events of accounts, with the actor and the IP address of each."""

import logging
from collections.abc import Iterable
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from prometheus_client import Counter

from accounts.actors import devices
from accounts.actors.actor import Actor

logger = logging.getLogger(__name__)
EVENTS_TOTAL = Counter(
    "events", "Events of the audit log, by name and reason.", ["event", "reason"]
)


class EventName(models.TextChoices):
    """Every recorded event; docs/events.md explains when each occurs, and its details."""

    SIGNUP_SUCCEEDED = "signup_succeeded"
    SIGNIN_SUCCEEDED = "signin_succeeded"
    SIGNIN_FAILED = "signin_failed"
    SIGNIN_BLOCKED = "signin_blocked"
    LIMIT_REACHED = "limit_reached"
    FORGERY_REFUSED = "forgery_refused"
    REFRESH_REUSE = "refresh_reuse"
    SIGNOUT = "signout"
    SESSION_ENDED = "session_ended"
    REAUTHENTICATION_FAILED = "reauthentication_failed"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 (an event)
    PASSWORD_RESET_REQUESTED = "password_reset_requested"  # noqa: S105 (an event)
    PASSWORD_RESET = "password_reset"  # noqa: S105 (an event)
    EMAIL_VERIFIED = "email_verified"
    EMAIL_CHANGE_REQUESTED = "email_change_requested"
    EMAIL_CHANGED = "email_changed"
    EMAIL_CHANGE_UNDONE = "email_change_undone"
    PROFILE_CHANGED = "profile_changed"
    PRIVILEGES_CHANGED = "privileges_changed"
    ACCOUNT_CREATED = "account_created"
    ACCOUNT_ACTIVATED = "account_activated"
    ACCOUNT_DEACTIVATED = "account_deactivated"
    ACCOUNT_UNBLOCKED = "account_unblocked"
    ACCOUNT_DELETED = "account_deleted"
    GROUP_CHANGED = "group_changed"
    BACKUP_MADE = "backup_made"
    RESTORED = "restored"


# The possible values of "reason" in the details. Each series starts at 0: for Prometheus, one that
# starts at 1 has not risen.
REASONS = {
    EventName.SIGNIN_FAILED: (
        "wrong_password",
        "unknown_email",
        "account_inactive",
        "email_not_verified",
        "not_staff",
    ),
    EventName.FORGERY_REFUSED: ("token", "host", "form"),
}
for name in EventName:
    for reason in REASONS.get(name, ("",)):
        EVENTS_TOTAL.labels(name, reason)


def names() -> list[tuple[str, str]]:
    """Return each value as its own label."""
    # A function, so that no migration has to repeat the choices.
    return [(name, name) for name in EventName.values]


class EventQuerySet(models.QuerySet["Event"]):
    def record(
        self,
        name: EventName,
        actor: Actor,
        user_id: int | None = None,
        session_id: UUID | None = None,
        **details: Any,
    ) -> None:
        """Record one event, in the transaction of the change: no audit, no change.

        ``details`` are a few plain values: never a password, a token or an email address.
        """
        self.write([build(name, actor, user_id, session_id, **details)])

    def write(self, events: "Iterable[Event]", *, is_published: bool = True) -> None:
        """Insert the events; with ``is_published=False`` the caller publishes them, in one line."""
        for event in Event.objects.bulk_create(events):
            if is_published:
                transaction.on_commit(partial(publish, event))


def publish(event: "Event", number: int = 1) -> None:
    """Log and count a recorded event, or ``number`` equal ones in one line."""
    EVENTS_TOTAL.labels(event.name, event.details.get("reason", "")).inc(number)
    fields = {
        "event": event.name,
        "user_id": event.user_id,
        "session_id": event.session_id and str(event.session_id),
        "staff_id": event.staff_id,
        "address": event.ip_address,
        "request_id": event.request_id,
        "details": event.details,
    }
    logger.info("%s", event, extra=fields)


class Event(models.Model):
    """An entry of the audit log; no one changes or deletes it before its retention ends."""

    name = models.CharField(max_length=40, choices=names)
    # The keys of users are no constraint, so that events outlive their users: of a deleted user
    # only the number is left.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="events",
    )
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    session_id = models.UUIDField("session", null=True)
    ip_address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=512, blank=True)
    device = models.CharField(max_length=64, default=devices.UNKNOWN, db_default=devices.UNKNOWN)
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField("time", default=timezone.now)
    details = models.JSONField(default=dict)

    objects = EventQuerySet.as_manager()

    class Meta:
        db_table = "events"
        indexes = [
            models.Index(fields=["user", "-id"], name="events_user"),
            models.Index(fields=["staff", "-id"], name="events_staff"),
            models.Index(fields=["name", "-id"], name="events_name"),
            models.Index(fields=["ip_address", "-id"], name="events_ip_address"),
            models.Index(fields=["created_at"], name="events_created_at"),
        ]

    def __str__(self) -> str:
        parts = {"user": self.user_id, "session": self.session_id, **self.details}
        return " ".join([self.name, *(f"{key}={value}" for key, value in parts.items())])


def build(
    name: EventName,
    actor: Actor,
    user_id: int | None = None,
    session_id: UUID | None = None,
    **details: Any,
) -> Event:
    """Return the event, not yet saved."""
    if actor.by:
        details["by"] = actor.by
    return Event(
        name=name,
        user_id=user_id,
        staff_id=actor.staff_id,
        session_id=session_id,
        ip_address=actor.ip_address,
        user_agent=actor.user_agent,
        device=actor.device,
        request_id=actor.request_id,
        details=details,
    )
