"""Where a user is signed in, on the user's page, and how staff sign people out."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.clients.client import Client
from accounts.clients.devices import device
from accounts.mails.models import Link
from accounts.sessions import flows
from accounts.sessions.models import Session, SessionQuerySet
from accounts.users.admin import changeable, set_active
from accounts.users.models import User


class EndSessionForm(forms.ModelForm):
    """A session to look at, with a box to end it."""

    end = forms.BooleanField(required=False, label="End")

    class Meta:
        model = Session
        fields = ()

    client: Client

    def save(self, commit: bool = True) -> Session:
        session: Session = self.instance
        flows.end(Session.objects.filter(pk=session.pk), self.client)
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

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Tell the form, whose class is made for each request, who uses it."""
        formset = super().get_formset(request, obj, **kwargs)
        formset.form.client = Client.of_staff(request)  # type: ignore[attr-defined]
        return formset

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
    ended = flows.end_everywhere(chosen, Client.of_staff(request))
    page.message_user(request, f"{ended} sessions ended.")


@admin.action(permissions=["change"], description="Deactivate and sign out")
def deactivate_and_sign_out(
    page: admin.ModelAdmin, request: HttpRequest, users: QuerySet[User]
) -> None:
    """Change the users first, so that a sign-in meanwhile fails or loses its session.

    No link of theirs works any more, also after somebody approves them again.
    """
    chosen = changeable(page, request, users)
    with transaction.atomic():
        deactivated = set_active(chosen, False, Client.of_staff(request))
        Session.objects.filter(user__in=chosen).revoke()
        Link.objects.filter(user__in=chosen).delete()
    page.message_user(request, f"{len(deactivated)} users deactivated.")
