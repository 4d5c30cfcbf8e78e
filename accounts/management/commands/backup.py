"""Back up the database into a file."""

from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser
from django.db import Error

from accounts.actors.actor import COMMAND
from accounts.backups import flows
from accounts.backups.files import BackupError
from accounts.events.models import Event, EventName


class Command(BaseCommand):
    help = "Back up the database into a new file of a folder. The service goes on meanwhile."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("folder", type=Path, nargs="?")
        what.add_argument(
            "--record", action="store_true", help="make none: record that other means made one now"
        )
        parser.add_argument(
            "--keep-days", type=int, metavar="DAYS", help="remove backups there that are older"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["record"]:
            Event.objects.record(EventName.BACKUP_MADE, COMMAND)
            self.stdout.write("It is recorded that a backup was made.")
        else:
            self.back_up(options)

    def back_up(self, options: dict[str, Any]) -> None:
        try:
            file = flows.back_up(options["folder"], options["keep_days"])
        except (BackupError, OSError) as error:
            raise CommandError(f"Nothing was backed up. {error}") from error
        except Error as error:
            said = str(error).partition("\n")[0]
            raise CommandError(f"The backup is made and could not be recorded. {said}") from error
        self.stdout.write(f"{file} ({file.stat().st_size:,} bytes)")
