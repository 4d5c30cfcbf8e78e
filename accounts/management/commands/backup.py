"""Back up the database into a file."""

from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from accounts.backups import flows
from accounts.backups.files import BackupError


class Command(BaseCommand):
    help = "Back up the database into a new file of a folder. The service goes on meanwhile."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument(
            "--keep-days", type=int, metavar="DAYS", help="remove backups there that are older"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            file = flows.back_up(options["folder"], options["keep_days"])
        except (BackupError, OSError) as error:
            raise CommandError(f"Nothing was backed up. {error}") from error
        self.stdout.write(f"{file} ({file.stat().st_size:,} bytes)")
