"""Where a user is signed in, on the user's page."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.sessions.models import Session, SessionQuerySet


class SessionInline(admin.TabularInline):
    """The live sessions, to look at."""

    model = Session
    fields = ("created_at", "last_used_at", "expires_at", "ip_address", "user_agent")
    readonly_fields = fields
    ordering = ("-last_used_at",)
    can_delete = False
    verbose_name_plural = "signed in on"

    def get_queryset(self, request: HttpRequest) -> SessionQuerySet:
        sessions: SessionQuerySet = super().get_queryset(request)  # type: ignore[assignment]
        return sessions.live()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user's page may be seen: its sessions are a part of it."""
        return True
