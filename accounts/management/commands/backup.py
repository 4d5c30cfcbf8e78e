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
    help = "Back up the database into a new file in a folder, while the service runs."

    def add_arguments(self, parser: CommandParser) -> None:
        target = parser.add_mutually_exclusive_group(required=True)
        target.add_argument("folder", type=Path, nargs="?")
        target.add_argument(
            "--record", action="store_true", help="only record that another tool has made a backup"
        )
        parser.add_argument(
            "--keep-days", type=int, metavar="DAYS", help="remove older backups from the folder"
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
            reason = str(error).partition("\n")[0]
            raise CommandError(f"The backup is made and could not be recorded. {reason}") from error
        self.stdout.write(f"{file} ({file.stat().st_size:,} bytes)")
