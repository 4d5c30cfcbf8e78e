"""Lift the limits of one account before they end."""

from typing import Any

from django.core.management import BaseCommand, CommandParser

from accounts.actors.actor import COMMAND
from accounts.lockouts import flows
from accounts.management import people


class Command(BaseCommand):
    help = "Lift the limits of one account, in all networks: failed sign-ins, and mails."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: Any, **options: Any) -> None:
        lifted = flows.unblock(people.find(options["email"]), COMMAND)
        for tally in lifted:
            self.stdout.write(f"Lifted: {people.describe(tally)}.")
        if not lifted:
            self.stdout.write("Nothing was counted against this account.")
        self.stdout.write(
            "The limits of whole networks stay, since others share them: SIGNIN_RATE_NETWORK,"
            " MAIL_RATE_NETWORK, SIGNUP_RATE_NETWORK."
        )
