"""Django's admin with our site, and a check for misspelt settings."""

from typing import Any

from django.contrib.admin import apps
from django.core.checks import CheckMessage, Warning, register  # noqa: A004 (Django's name)

from lazyrabbit import options


class AdminConfig(apps.AdminConfig):
    default_site = "accounts.staff.site.AdminSite"

    def ready(self) -> None:
        super().ready()
        register(check_names)


def check_names(**_: Any) -> list[CheckMessage]:
    return [Warning(sentence, id="lazyrabbit.W001") for sentence in options.misspelt()]
