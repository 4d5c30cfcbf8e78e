"""Like Django's command, but it writes only the password, and ends the user's sessions."""

from getpass import getpass
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError, CommandParser

from accounts.actors.actor import COMMAND
from accounts.management import people
from accounts.passwords import flows


class Command(BaseCommand):
    help = "Set a person's password and sign them out everywhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: Any, **options: Any) -> None:
        user = people.find(options["email"])
        password = getpass("New password: ")
        if getpass("New password (again): ") != password:
            raise CommandError("The passwords differ.")
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        flows.set_by_staff(user, password, COMMAND)
        self.stdout.write("Password changed.")
