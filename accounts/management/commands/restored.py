"""End the sessions and links of a database that other means than ``restore`` restored."""

from typing import Any

from django.core.management import BaseCommand

from accounts.backups import flows


class Command(BaseCommand):
    help = (
        "Sign everyone out and void every link in a mail: after a point-in-time recovery, or the "
        "promotion of a replica that may have been behind."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        flows.end_earlier_state()
        self.stdout.write("Everyone is signed out, and no link in a mail works.")
