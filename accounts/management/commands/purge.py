"""Delete what nobody needs any more."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand
from django.db.models import QuerySet
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts.events.models import Event
from accounts.links.models import Link
from accounts.outbox.sender import GIVE_UP_AFTER
from accounts.sessions.models import Session
from accounts.throttling.models import Counter

BATCH = 1000  # Rows that one statement deletes, so that it takes milliseconds.
WEEK = timedelta(days=7)  # To see in the admin what was sent, and what could not be.


class Command(BaseCommand):
    help = "Delete what is over: sessions, counters, events, links, mails. Run it once a day."

    def handle(self, *args: Any, **options: Any) -> None:
        """Delete it; a link only when no mail waits any more that would renew it."""
        now = timezone.now()
        old_session = now - timedelta(days=settings.SESSION_RETENTION_DAYS)
        old_event = now - timedelta(days=settings.EVENT_RETENTION_DAYS)
        mails: QuerySet[Any] = DBTaskResult.objects.finished()
        for name, rows, time in (
            ("sessions", Session.objects.ended_before(old_session), "created_at"),
            ("counters", Counter.objects.over(), "resets_at"),
            ("links", Link.objects.filter(expires_at__lt=now - GIVE_UP_AFTER), "expires_at"),
            ("mails", mails.filter(finished_at__lt=now - WEEK), "finished_at"),
            ("events", Event.objects.filter(created_at__lt=old_event), "created_at"),
        ):
            self.stdout.write(f"{delete(rows, time)} {name} purged.")


def delete(rows: QuerySet[Any], time: str) -> int:
    """Delete these rows and return how many.

    In batches, each a transaction of its own: another request waits for one batch at most.
    They go along the index on ``time``, each from where the one before ended: from the start
    again, it would read past everything that was just deleted.
    """
    deleted, rest = 0, rows.order_by(time)
    while batch := list(rest.values_list("pk", time)[:BATCH]):
        end = batch[-1][1]
        chosen = rest.filter(pk__in=[pk for pk, _ in batch], **{f"{time}__lte": end})
        deleted += chosen.delete()[0]
        rest = rest.filter(**{f"{time}__gte": end})
    return deleted
