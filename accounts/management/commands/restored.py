"""For a database that something else than ``restore`` has set back to an earlier state."""

from typing import Any

from django.core.management import BaseCommand

from accounts.backups import flows


class Command(BaseCommand):
    help = (
        "Sign everybody out and make every link in a mail void: after a point-in-time recovery, "
        "or the promotion of a replica that may have been behind."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        flows.begin_anew()
        self.stdout.write("Everybody is signed out, and no link in a mail works.")
