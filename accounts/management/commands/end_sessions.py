"""For emergencies: sign people out, everywhere and at once."""

from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from accounts.clients.client import COMMAND
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
        sessions, users = Session.objects.all(), None
        if options["user"] is not None:
            try:
                user = User.objects.get_by_natural_key(options["user"])
            except User.DoesNotExist as error:
                raise CommandError("Nobody has an account with this address.") from error
            sessions, users = sessions.filter(user=user), [user.pk]
        flows.end_cookies(users)
        self.stdout.write(f"{flows.end_all(sessions, COMMAND)} sessions ended.")
