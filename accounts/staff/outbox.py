"""The queue of mails in the admin, read-only."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from accounts.links.models import Link
from accounts.outbox.models import Mail, State
from accounts.staff.base import ReadOnlyAdmin


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return State.choices

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Mail] | None:
        state = self.value()
        return queryset.in_state(State(state)) if state in State.values else None


class MailAdmin(ReadOnlyAdmin):
    """Mails that wait, were sent or have failed, each with the reason; no task holds a secret."""

    list_display = ("enqueued_at", "kind", "user_link", "state_as_text")
    list_filter = (StateFilter, "enqueued_at")
    ordering = ("-enqueued_at",)
    fields = readonly_fields = (
        "enqueued_at",
        "kind",
        "user_link",
        "state_as_text",
        "attempts",
        "started_at",
        "finished_at",
    )

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Fetch the links of all mails of the page in one query."""
        page = super().get_changelist_instance(request)
        page.result_list = mails = list(page.result_list)
        links = Link.objects.in_bulk({mail.link_id for mail in mails if mail.link_id})
        for mail in mails:
            mail.link = links.get(mail.link_id)
        return page

    @admin.display(description="mail")
    def kind(self, mail: Mail) -> str:
        return mail.kind

    @admin.display(description="user", empty_value="")
    def user_link(self, mail: Mail) -> str | None:
        # Without the email address: staff who may see mails may not be allowed to see users.
        if mail.user_id is None:
            return None
        page = reverse("admin:accounts_user_change", args=[mail.user_id])
        return format_html('<a href="{}">{}</a>', page, mail.user_id)

    @admin.display(description="state")
    def state_as_text(self, mail: Mail) -> str:
        text, attempts = State(mail.state).label.capitalize(), mail.attempts
        if mail.state == State.DELAYED:
            text += f" at {mail.run_after:%H:%M:%S} UTC"
        if mail.state not in (State.DELAYED, State.FAILED):
            return text
        text += f", after {attempts} attempt{'' if attempts == 1 else 's'}"
        return f"{text}: {mail.last_error}" if mail.last_error else text
