"""Send queued mail."""

from typing import Any

from django.core.management import BaseCommand, CommandParser

from accounts.outbox import sender


class Command(BaseCommand):
    help = "Send queued mail until it is stopped. Any number of them may run, on any machine."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="send what is due, and end")

    def handle(self, *args: Any, **options: Any) -> None:
        worker = sender.Sender()
        worker.configure_signals()
        if options["once"]:
            sender.recover()
            worker.run()
        else:
            worker.work()
