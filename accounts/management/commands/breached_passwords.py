"""Write the file of refused passwords that BREACHED_PASSWORDS names."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.management import BaseCommand, CommandError, CommandParser

from accounts.passwords import breaches
from accounts.passwords.policy import MAXIMUM_LENGTH, MINIMUM_LENGTH


class Command(BaseCommand):
    help = "Write the file for BREACHED_PASSWORDS from a list of breached passwords."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "source",
            type=Path,
            help="lines like HASH:COUNT, sorted by hash, as Have I Been Pwned provides them",
        )
        parser.add_argument("target", type=Path, help="the file to write")
        parser.add_argument(
            "--plain",
            type=int,
            metavar="MOST",
            help="the lines are passwords instead, the commonest first: use the first MOST of them"
            " that no other rule refuses",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        source, target, most = (options[name] for name in ("source", "target", "plain"))
        try:
            with source.open("rb") as lines:
                digests: Iterable[bytes] = (
                    breaches.from_hashes(lines)
                    if most is None
                    else breaches.from_passwords(islice(candidates(lines), max(0, most)))
                )
                number = breaches.write(target, digests)
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}.") from error
        except ValueError as error:
            raise CommandError(f"{source}: {error}") from error
        self.stdout.write(f"{target} holds {number} passwords.")


def candidates(lines: Iterable[bytes]) -> Iterator[str]:
    """Yield the passwords that the rules for length and common passwords allow."""
    common = CommonPasswordValidator().passwords
    for line in lines:
        password = line.rstrip(b"\r\n").decode("utf-8", "replace")
        is_long_enough = MINIMUM_LENGTH <= len(password) <= MAXIMUM_LENGTH
        if is_long_enough and "\ufffd" not in password and password.lower() not in common:
            yield password
