"""Actions on the selected users of the list."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.actors.actor import Actor
from accounts.sessions import flows as sessions
from accounts.staff import flows
from accounts.staff.permissions import changeable
from accounts.users.models import User


@admin.action(permissions=["change"], description="Approve")
def approve(page: admin.ModelAdmin, request: HttpRequest, users: QuerySet[User]) -> None:
    """Activate accounts that wait for approval, or that were deactivated."""
    approved = flows.activate(changeable(page, request, users), Actor.staff(request))
    page.message_user(request, f"{len(approved)} users approved.")


@admin.action(permissions=["change"], description="Sign out everywhere")
def sign_out_everywhere(
    page: admin.ModelAdmin, request: HttpRequest, users: QuerySet[User]
) -> None:
    ended = sessions.end_everywhere(changeable(page, request, users), Actor.staff(request))
    page.message_user(request, f"{ended} sessions ended.")


@admin.action(permissions=["change"], description="Deactivate and sign out")
def deactivate_and_sign_out(
    page: admin.ModelAdmin, request: HttpRequest, users: QuerySet[User]
) -> None:
    deactivated = flows.deactivate(changeable(page, request, users), Actor.staff(request))
    page.message_user(request, f"{len(deactivated)} users deactivated.")
