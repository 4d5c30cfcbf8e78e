"""Where a user is signed in, on the user's page, and how staff sign people out."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.clients.devices import device
from accounts.sessions import flows
from accounts.sessions.models import Session, SessionQuerySet
from accounts.users.admin import changeable
from accounts.users.models import User


class EndSessionForm(forms.ModelForm):
    """A session to look at, with a box to end it."""

    end = forms.BooleanField(required=False, label="End")

    class Meta:
        model = Session
        fields = ()

    def save(self, commit: bool = True) -> Session:
        session: Session = self.instance
        Session.objects.filter(pk=session.pk).revoke()
        return session


class SessionInline(admin.TabularInline):
    """The live sessions; whoever may change the user may end them."""

    model = Session
    form = EndSessionForm
    fields = (
        "device",
        "created_at",
        "last_used_at",
        "expires_at",
        "ip_address",
        "user_agent",
        "end",
    )
    readonly_fields = fields[:-1]
    ordering = ("-last_used_at",)
    can_delete = False
    verbose_name_plural = "signed in on"

    @admin.display
    def device(self, session: Session) -> str:
        return device(session.user_agent)

    def get_queryset(self, request: HttpRequest) -> SessionQuerySet:
        """Return the live ones to look at; a form may name one that ended in the meantime."""
        sessions: SessionQuerySet = super().get_queryset(request)  # type: ignore[assignment]
        return sessions if request.method == "POST" else sessions.live()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("accounts.change_user")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user's page may be seen: its sessions are a part of it."""
        return True


@admin.action(permissions=["change"], description="Sign out everywhere")
def sign_out_everywhere(
    page: admin.ModelAdmin, request: HttpRequest, users: QuerySet[User]
) -> None:
    chosen = changeable(page, request, users)
    ended = Session.objects.filter(user__in=chosen).revoke()
    flows.end_cookies(chosen)
    page.message_user(request, f"{ended} sessions ended.")


@admin.action(permissions=["change"], description="Deactivate and sign out")
def deactivate_and_sign_out(
    page: admin.ModelAdmin, request: HttpRequest, users: QuerySet[User]
) -> None:
    """Change the users first, so that a sign-in meanwhile fails or loses its session."""
    chosen = changeable(page, request, users)
    with transaction.atomic():
        active = User.objects.filter(pk__in=chosen, is_active=True)
        deactivated = active.update(is_active=False, updated_at=timezone.now())
        Session.objects.filter(user__in=chosen).revoke()
    page.message_user(request, f"{deactivated} users deactivated.")
