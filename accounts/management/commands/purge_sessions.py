"""Delete what is left of sessions that ended long ago."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand
from django.utils import timezone

from accounts.sessions import flows


class Command(BaseCommand):
    help = "Delete sessions that ended more than SESSION_RETENTION_DAYS ago. Run it once a day."

    def handle(self, *args: Any, **options: Any) -> None:
        retention = timedelta(days=settings.SESSION_RETENTION_DAYS)
        purged = flows.purge(ended_before=timezone.now() - retention)
        self.stdout.write(f"{purged} sessions purged.")
