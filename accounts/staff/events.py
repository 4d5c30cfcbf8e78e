"""The audit log in the admin."""

import json
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from accounts.actors import ip_addresses
from accounts.events.models import Event
from accounts.staff.base import MAX_DIGITS, ReadOnlyAdmin
from accounts.staff.lists import LONGEST_SEARCH, first_keys


class EventAdmin(ReadOnlyAdmin):
    """Events, to read and to search."""

    list_display = ("created_at", "name", "user_link", "staff", "ip_address", "details_as_text")
    list_filter = ("name", "created_at")
    list_select_related = ("user", "staff")
    search_fields = ("user",)  # Shows the box; see ``get_search_results``.
    search_help_text = (
        "The email address or the number of a user or of staff, or an IP address, in full. "
        f"A search for a person finds the newest {LONGEST_SEARCH} events."
    )
    ordering = ("-id",)
    fields = readonly_fields = (
        "created_at",
        "name",
        "user_link",
        "staff",
        "session_id",
        "ip_address",
        "device",
        "user_agent",
        "request_id",
        "details_as_text",
    )

    @admin.display(description="user", empty_value="unknown")
    def user_link(self, event: Event) -> str | None:
        if event.user is None:  # Of a deleted user only the number is left.
            return f"{event.user_id} (deleted)" if event.user_id else None
        page = reverse("admin:accounts_user_change", args=[event.user_id])
        return format_html('<a href="{}">{}</a>', page, event.user)

    @admin.display(description="details")
    def details_as_text(self, event: Event) -> str:
        return ", ".join(f"{key}: {json.dumps(value)}" for key, value in event.details.items())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        """Hide from other staff the IP addresses of superusers and the events of their accounts."""
        events: QuerySet[Event] = super().get_queryset(request)
        if getattr(request.user, "is_superuser", False):
            return events
        superusers = get_user_model().objects.filter(is_superuser=True)
        keys = list(superusers.values_list("pk", flat=True))
        return events.exclude(user__in=keys).exclude(user=None, staff__in=keys)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        """Search only indexed columns, so that a search is fast in a log of any size."""
        term = search_term.strip()
        if address := ip_addresses.parse(term):
            return queryset.filter(ip_address=str(address)), False
        if term.isdecimal() and len(term) <= MAX_DIGITS:
            return of_people(queryset, [int(term)]), False
        if term:
            users: Any = get_user_model().objects
            found = users.filter(email=users.normalize_email(term)).values_list("pk", flat=True)
            return of_people(queryset, list(found)), False
        return queryset, False


def of_people(events: QuerySet[Event], users: list[int]) -> QuerySet[Event]:
    """Select the newest events of these users' accounts, and of their actions as staff."""
    newest = events.order_by("-id")
    return events.filter(
        pk__in=first_keys(newest.filter(user__in=users), newest.filter(staff__in=users))
    )
