"""Delete the rows that are no longer needed."""

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

BATCH = 1000  # Rows that one statement deletes, within milliseconds.
WEEK = timedelta(days=7)  # The admin shows sent and failed mails this long.


class Command(BaseCommand):
    help = "Delete expired sessions, counters, events, links and mails. Run it once a day."

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        old_session = now - timedelta(days=settings.SESSION_RETENTION_DAYS)
        old_event = now - timedelta(days=settings.EVENT_RETENTION_DAYS)
        mails: QuerySet[Any] = DBTaskResult.objects.finished()
        for name, rows, time in (
            ("sessions", Session.objects.ended_before(old_session), "created_at"),
            ("counters", Counter.objects.over(), "resets_at"),
            # Until then, a mail that waits may still renew its link.
            ("links", Link.objects.filter(expires_at__lt=now - GIVE_UP_AFTER), "expires_at"),
            ("mails", mails.filter(finished_at__lt=now - WEEK), "finished_at"),
            ("events", Event.objects.filter(created_at__lt=old_event), "created_at"),
        ):
            self.stdout.write(f"{delete(rows, time)} {name} purged.")


def delete(rows: QuerySet[Any], time: str) -> int:
    """Delete the rows and return their number."""
    # Each batch has its own transaction, so that another request waits for one batch at most. The
    # batches follow the index on ``time``, each from the end of the one before: from the start,
    # it would read past all rows that were just deleted.
    deleted, rest = 0, rows.order_by(time)
    while batch := list(rest.values_list("pk", time)[:BATCH]):
        end = batch[-1][1]
        chosen = rest.filter(pk__in=[pk for pk, _ in batch], **{f"{time}__lte": end})
        deleted += chosen.delete()[0]
        rest = rest.filter(**{f"{time}__gte": end})
    return deleted
