"""The permissions of a member of staff on a user."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.users.models import User


def is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def may_change(request: HttpRequest, user: User | None) -> bool:
    """Return whether the user may be changed: other staff only by superusers."""
    # Otherwise staff could gain the rights of others.
    if user is None or is_superuser(request):
        return True
    return not user.is_superuser and (not user.is_staff or user.pk == request.user.pk)


def may_see_sessions(request: HttpRequest, user: User | None) -> bool:
    return user is None or not user.is_superuser or is_superuser(request)


def changeable(page: admin.ModelAdmin, request: HttpRequest, users: QuerySet[User]) -> list[Any]:
    """Return the ids of the users that this member of staff may change."""
    return [user.pk for user in users if page.has_change_permission(request, user)]
