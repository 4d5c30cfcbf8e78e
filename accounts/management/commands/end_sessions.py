"""For emergencies: sign people out, everywhere and at once."""

from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from accounts.actors.actor import COMMAND
from accounts.sessions import flows
from accounts.sessions.models import Session
from accounts.users.models import User


class Command(BaseCommand):
    help = "End every session of one person, or of everybody. It holds from the next request on."

    def add_arguments(self, parser: CommandParser) -> None:
        who = parser.add_mutually_exclusive_group(required=True)
        who.add_argument("--user", metavar="EMAIL", help="end the sessions of this person")
        who.add_argument("--all", action="store_true", help="end the sessions of everybody")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["all"]:
            flows.end_admin_sessions()
            ended = flows.end_all(Session.objects.all(), COMMAND)
        else:
            ended = flows.end_everywhere([self.find(options["user"]).pk], COMMAND)
        self.stdout.write(f"{ended} sessions ended.")

    def find(self, email: str) -> User:
        try:
            return User.objects.get_by_natural_key(email)
        except User.DoesNotExist as error:
            raise CommandError("Nobody has an account with this address.") from error
