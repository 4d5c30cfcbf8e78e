"""The sessions on a user's page."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from accounts.actors.actor import Actor
from accounts.sessions import flows
from accounts.sessions.models import Session, SessionQuerySet
from accounts.staff.permissions import may_see_sessions

SHOWN = 50  # Sessions on the page of a user; a user may have thousands.


class EndSessionForm(forms.ModelForm):
    """A read-only session with a checkbox to end it."""

    end = forms.BooleanField(required=False, label="End")

    class Meta:
        model = Session
        fields = ()

    actor: Actor

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        label = f"End the session on {self.instance.device}"
        self.fields["end"].widget.attrs["aria-label"] = label

    def save(self, commit: bool = True) -> Session:
        session: Session = self.instance
        flows.end(Session.objects.filter(pk=session.pk), self.actor)
        return session


class NewestFormSet(forms.BaseInlineFormSet):
    """The sessions that were used last, or those that a posted form names."""

    @cached_property
    def chosen(self) -> QuerySet[Session]:
        sessions: QuerySet[Session] = super().get_queryset()
        return sessions.filter(pk__in=self.posted()) if self.is_bound else sessions[:SHOWN]

    def get_queryset(self) -> QuerySet[Session]:
        return self.chosen

    def posted(self) -> list[UUID]:
        """Return the valid keys in the form; the field of an invalid one reports it."""
        keys = []
        for number in range(self.total_form_count()):
            with suppress(ValidationError):
                key = self.data.get(f"{self.add_prefix(number)}-id")
                keys.append(Session._meta.pk.to_python(key))
        return keys


class SessionInline(admin.TabularInline):
    """The live sessions; staff with the permission to change the user may end them."""

    model = Session
    form = EndSessionForm
    formset = NewestFormSet
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

    def get_queryset(self, request: HttpRequest) -> SessionQuerySet:
        """Return the live ones to show; a posted form may name one that ended meanwhile."""
        sessions: SessionQuerySet = super().get_queryset(request)  # type: ignore[assignment]
        return sessions if request.method == "POST" else sessions.live()

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        self.set_heading(obj.sessions.live().count())
        # Django makes this inline and the class of its form anew for each request.
        formset = super().get_formset(request, obj, **kwargs)
        formset.form.actor = Actor.staff(request)  # type: ignore[attr-defined]
        return formset

    def set_heading(self, live: int) -> None:
        """Add the number of live sessions to the heading if not all are shown."""
        if live > SHOWN:
            self.verbose_name_plural = (
                f"signed in on (the {SHOWN} used last of {live};"
                " “Sign out everywhere” in the list of users ends all)"
            )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("accounts.change_user") and may_see_sessions(request, obj)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # No permission of its own: the sessions are a part of the user's page.
        return may_see_sessions(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
