"""Replace the database by a backup."""

from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser, call_command

from accounts.backups import flows
from accounts.backups.files import BackupError
from accounts.users.models import User


class Command(BaseCommand):
    help = "Replace the database by a backup, sign everyone out, and apply missing migrations."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["yes"]:
            self.ask()
        try:
            flows.restore(options["file"])
        except (BackupError, OSError) as error:
            raise CommandError(f"Nothing was restored. {error}") from error
        call_command("migrate", verbosity=0, interactive=False)
        self.stdout.write(
            f"{User.objects.count():,} accounts were restored. Everyone is signed out, and no link"
            " in a mail works. Mail that waited then may be sent a second time."
        )

    def ask(self) -> None:
        self.stdout.write(f"Everything in {flows.target()} will be replaced.")
        try:
            answer = input("Type yes to go on: ")
        except EOFError:
            answer = ""
        if answer != "yes":
            raise CommandError("Nothing was restored.")
