"""Like Django's command, but without a terminal it creates the account or fails."""

import os
from collections.abc import Callable
from copy import copy
from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.core.exceptions import ValidationError
from django.core.management import CommandError
from django.db import IntegrityError


class Command(createsuperuser.Command):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = copy(self.username_field)
        field.clean = without_repetition(field.clean)
        self.username_field = field

    def handle(self, *args: Any, **options: Any) -> None:
        if options["interactive"] and not (self.stdin and self.stdin.isatty()):
            given = {"EMAIL": options["email"], "PASSWORD": None}
            names = [f"DJANGO_SUPERUSER_{name}" for name in given if not given[name]]
            if missing := [name for name in names if not os.environ.get(name)]:
                raise CommandError(f"Without a terminal to ask at, set {' and '.join(missing)}.")
            options["interactive"] = False
        try:
            super().handle(*args, **options)
        except IntegrityError as error:  # Another process has just created it.
            raise CommandError("Error: That email is already taken.") from error


def without_repetition(clean: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that reports a message once if several validators report the same."""

    def clean_once(*args: Any) -> Any:
        try:
            return clean(*args)
        except ValidationError as error:
            raise ValidationError(list(dict.fromkeys(error.messages))) from error

    return clean_once
