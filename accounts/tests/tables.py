"""Read the tables of permissions in docs/security.md for the tests."""

import re
from typing import Any

from django.conf import settings
from django.contrib.admindocs.views import simplify_regex
from django.urls import get_resolver

from accounts.users.models import User

PAGE = (settings.BASE_DIR / "docs" / "security.md").read_text()


def table(title: str, page: str = PAGE) -> list[list[str]]:
    """Return the rows of the first table below the title, as lists of the cells' texts."""
    lines = page.partition(f"# {title}\n")[2].partition("\n#")[0].splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("|")]
    assert rows, title
    return [[cell.strip() for cell in row] for row in rows[2:]]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def routes(patterns: list[Any] | None = None, prefix: str = "") -> list[tuple[str, Any]]:
    """Return every path of the service, in one spelling, with its URL pattern."""
    found = []
    for pattern in patterns or get_resolver().url_patterns:
        path = prefix + str(pattern.pattern).removeprefix("^")
        if hasattr(pattern, "url_patterns"):
            found += routes(pattern.url_patterns, path)
        else:
            found.append((spell(path), pattern))
    return found


def spell(path: str) -> str:
    plain = (
        simplify_regex(path)
        .replace("<pk>", "<id>")
        .replace("\\.", ".")
        .removesuffix("/?")
        .rstrip("/")
    )
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", plain) or "/"


FIELDS = {names(row[0])[0]: row[1:] for row in table("The fields of an account")}
# The values that JSON and forms try to write to an account.
NEVER = {
    "id": 4242,
    "email": "thief@example.com",
    "email_verified_at": "2020-01-01T00:00:00Z",
    "is_active": False,
    "is_staff": True,
    "is_superuser": True,
    "groups": [1],
    "user_permissions": [1],
    "created_at": "2020-01-01T00:00:00Z",
    "updated_at": "2020-01-01T00:00:00Z",
}


def row_of(user: User) -> dict[str, Any]:
    row = User.objects.filter(pk=user.pk).values().get()
    now = User.objects.get(pk=user.pk)
    return row | {"groups": [*now.groups.all()], "permissions": [*now.user_permissions.all()]}
