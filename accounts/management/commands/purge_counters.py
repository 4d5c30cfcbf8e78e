"""Delete the counters whose window is over."""

from typing import Any

from django.core.management import BaseCommand

from accounts.throttling import flows


class Command(BaseCommand):
    help = "Delete counters of limits whose window is over. Run it once a day."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{flows.purge()} counters purged.")
