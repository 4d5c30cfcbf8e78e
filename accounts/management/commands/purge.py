"""Delete what nobody needs any more."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand
from django.db.models import QuerySet
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts.events.models import Event
from accounts.mails.models import Link
from accounts.mails.sender import GIVE_UP_AFTER
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
        for name, rows in {
            "sessions": Session.objects.ended_before(old_session),
            "counters": Counter.objects.over(),
            "links": Link.objects.filter(expires_at__lt=now - GIVE_UP_AFTER),
            "mails": DBTaskResult.objects.finished().filter(finished_at__lt=now - WEEK),
            "events": Event.objects.filter(created_at__lt=old_event),
        }.items():
            self.stdout.write(f"{delete(rows)} {name} purged.")


def delete(rows: QuerySet[Any]) -> int:
    """Delete these rows and return how many.

    In batches, each a transaction of its own: whoever waits for a row waits for a batch at most.
    """
    deleted = 0
    while batch := list(rows.values_list("pk", flat=True)[:BATCH]):
        deleted += rows.filter(pk__in=batch).delete()[0]
    return deleted
