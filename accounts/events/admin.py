"""The audit log in the admin, and what makes the admin's pages write to it."""

import json
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import BadRequest
from django.db import DataError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html

from accounts.actors import ip_addresses
from accounts.events.lists import LONGEST_SEARCH, AtLeast, FirstPages, IndexedList, first_keys
from accounts.events.models import Event

EVENTS = "admin:accounts_event_changelist"
MAX_DIGITS = 18  # So many that the key of a user can have: it is below 2**63.


class AuditedAdmin(admin.ModelAdmin):
    """A page of the admin that leaves the log to ours, and for which no question is our error.

    Django's own log would keep the address of somebody deleted. Its lists stay fast in a table of
    any size: see ``lists``.
    """

    paginator = FirstPages
    sortable_by: ClassVar[tuple[str, ...]] = ()
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # Each would count all of the table.

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return IndexedList

    def get_ordering(self, request: HttpRequest) -> Any:
        """Order by time what is filtered by time, so that one index serves both.

        In the order of the keys, a quiet day would be looked for until the first row of all.
        """
        filtered = {parameter.partition("__")[0] for parameter in request.GET}
        if "created_at" in filtered.intersection(self.list_filter):
            return ("-created_at",)
        return super().get_ordering(request)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any) -> Any:
        """Act on everything that is listed only where the pages hold everything."""
        if request.POST.get("select_across") == "1":
            count = self.get_paginator(request, queryset, self.list_per_page).count
            if isinstance(count, AtLeast):
                text = "These are too many at once: search or filter first."
                self.message_user(request, text, messages.ERROR)
                return None
        return super().response_action(request, queryset, *args)

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Do nothing: ``save_model`` has recorded it."""

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Do nothing: ``save_model`` has recorded it."""

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        """Do nothing: ``delete_queryset`` and ``delete_model`` record it."""

    def render_change_form(  # noqa: PLR0913, PLR0917 (Django's parameters)
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        """Name what is stored: the form writes what was typed into its object, refused or not."""
        if obj and request.method == "POST":
            obj = self.model._default_manager.filter(pk=obj.pk).first() or obj
            context |= {"original": obj, "subtitle": str(obj)}
        return super().render_change_form(request, context, add, change, form_url, obj)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Lead to the events of the user, or, on any other page, to all of them."""
        query = f"?q={object_id}" if self.model is get_user_model() else ""
        return HttpResponseRedirect(reverse(EVENTS) + query)

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        """Allow what the page's own filters ask; a regular expression, say, is none of it."""
        field, _, operator = lookup.partition("__")
        filters: Any = getattr(self, "list_filter", ())
        filtered = {getattr(one, "parameter_name", one) for one in filters}
        return field in filtered and operator in ("", "exact", "isnull", "gte", "lt")

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changelist_view(request, *args, **kwargs)
        except (DataError, OverflowError, ValueError) as error:
            raise BadRequest from error

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except (DataError, OverflowError) as error:
            raise BadRequest from error


class ReadOnlyAdmin(AuditedAdmin):
    """A page to look at, where nothing is changed, whatever the permissions."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class EventAdmin(ReadOnlyAdmin):
    """Everything that happened, to read and to search."""

    list_display = ("created_at", "name", "who", "staff", "ip_address", "details_in_short")
    list_filter = ("name", "created_at")
    list_select_related = ("user", "staff")
    search_fields = ("user",)  # Shows the box; see ``get_search_results``.
    search_help_text = (
        "The e-mail or the number of a user or of staff, or an IP address, in full. Of a person, "
        f"the newest {LONGEST_SEARCH} are found."
    )
    ordering = ("-id",)
    fields = readonly_fields = (
        "created_at",
        "name",
        "who",
        "staff",
        "session_id",
        "ip_address",
        "device",
        "user_agent",
        "request_id",
        "details_in_short",
    )

    @admin.display(description="user", empty_value="nobody known")
    def who(self, event: Event) -> str | None:
        """Link to the user; of somebody deleted there is only the number."""
        if event.user is None:
            return f"{event.user_id} (deleted)" if event.user_id else None
        page = reverse("admin:accounts_user_change", args=[event.user_id])
        return format_html('<a href="{}">{}</a>', page, event.user)

    @admin.display(description="details")
    def details_in_short(self, event: Event) -> str:
        return ", ".join(f"{key}: {json.dumps(value)}" for key, value in event.details.items())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        """Keep from other staff where superusers are, and what they do with their own accounts."""
        events: QuerySet[Event] = super().get_queryset(request)
        if getattr(request.user, "is_superuser", False):
            return events
        superusers = get_user_model().objects.filter(is_superuser=True)
        keys = list(superusers.values_list("pk", flat=True))
        return events.exclude(user__in=keys).exclude(user=None, staff__in=keys)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        """Find by what an index knows, so that a search is fast in a log of any size."""
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
    """Select the newest events that were about these users or done by them."""
    newest = events.order_by("-id")
    return events.filter(
        pk__in=first_keys(newest.filter(user__in=users), newest.filter(staff__in=users))
    )
