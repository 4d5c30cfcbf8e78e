"""Sign people out everywhere and at once, in an emergency."""

from typing import Any

from django.core.management import BaseCommand, CommandParser

from accounts.actors.actor import COMMAND
from accounts.management import people
from accounts.sessions import flows
from accounts.sessions.models import Session


class Command(BaseCommand):
    help = "End every session of one person, or of everyone, from the next request on."

    def add_arguments(self, parser: CommandParser) -> None:
        users = parser.add_mutually_exclusive_group(required=True)
        users.add_argument("--user", metavar="EMAIL", help="end the sessions of this person")
        users.add_argument("--all", action="store_true", help="end the sessions of everyone")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["all"]:
            flows.end_admin_sessions()
            ended = flows.end_all(Session.objects.all(), COMMAND)
        else:
            ended = flows.end_everywhere([people.find(options["user"]).pk], COMMAND)
        self.stdout.write(f"{ended} sessions ended.")
