"""The base classes of the admin's pages."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import BadRequest
from django.db import DataError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts.staff.lists import AtLeast, FirstPages, IndexedList

EVENT_LIST = "admin:accounts_event_changelist"
MAX_DIGITS = 18  # Digits of the largest user id: it is below 2**63.


class AuditedAdmin(admin.ModelAdmin):
    """Uses the audit log instead of Django's, and answers a bad query with 400."""

    # Django's log would keep the email address of a deleted user.

    paginator = FirstPages  # The lists stay fast at any length: see ``lists``.
    sortable_by: ClassVar[tuple[str, ...]] = ()
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # Each would count the whole table.

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return IndexedList

    def get_ordering(self, request: HttpRequest) -> Any:
        """Order a list by time if it is filtered by time, so that one index serves both."""
        # Ordered by key, the search for a day with few rows could read the whole table.
        filtered = {parameter.partition("__")[0] for parameter in request.GET}
        if "created_at" in filtered.intersection(self.list_filter):
            return ("-created_at",)
        return super().get_ordering(request)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any) -> Any:
        """Refuse to act on a whole list that has more rows than its pages show."""
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
        """Title the page by the stored object: even a refused form has changed its own object."""
        if obj and request.method == "POST":
            obj = self.model._default_manager.filter(pk=obj.pk).first() or obj
            context |= {"original": obj, "subtitle": str(obj)}
        return super().render_change_form(request, context, add, change, form_url, obj)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """Redirect to the events of the user, or, from any other page, to all events."""
        query = f"?q={object_id}" if self.model is get_user_model() else ""
        return HttpResponseRedirect(reverse(EVENT_LIST) + query)

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        """Allow only the lookups of the page's own filters: no regular expression, for example."""
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
    """A page that no one can change, whatever their permissions."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
