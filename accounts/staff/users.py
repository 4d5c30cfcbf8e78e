"""Users in the admin."""

from copy import copy
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Upper
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html

from accounts.actors.actor import Actor
from accounts.email_addresses import flows as email_addresses
from accounts.events.models import Event, EventName
from accounts.sessions import flows as sessions
from accounts.staff import flows
from accounts.staff.actions import approve, deactivate_and_sign_out, sign_out_everywhere
from accounts.staff.base import MAX_DIGITS, AuditedAdmin
from accounts.staff.lists import LONGEST_SEARCH, PatternOrder, first_keys
from accounts.staff.passwords import SetPasswordForm
from accounts.staff.permissions import is_superuser, may_change
from accounts.staff.sessions import SessionInline
from accounts.users.models import User

PRIVILEGES = ("is_staff", "is_superuser", "groups", "user_permissions")


class UserForm(UserChangeForm):
    password = None  # type: ignore[assignment]  # No one needs to see a hash, not even masked.
    seen_at = forms.CharField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = User
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen_at"].initial = self.instance.updated_at.isoformat()

    def clean(self) -> dict[str, Any] | None:
        """Refuse a form that shows the user as they were before another change."""
        cleaned: dict[str, Any] | None = super().clean()
        if self.cleaned_data.get("seen_at") != self.instance.updated_at.isoformat():
            # Reloading the page would send the same form again, so the link requests a new one.
            again = format_html('<a href="">{}</a>', "Open the page again")
            text = "This user was changed since you opened the page. {} and repeat your changes."
            raise ValidationError(format_html(text, again), code="stale")
        return cleaned


class NewUserForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email", "full_name")


class UserAdmin(AuditedAdmin, DjangoUserAdmin):
    """Users, for staff; only superusers give privileges or change other staff."""

    form = UserForm
    add_form = NewUserForm
    change_password_form = SetPasswordForm
    inlines = (SessionInline,)
    actions = (approve, sign_out_everywhere, deactivate_and_sign_out)
    list_display = ("email", "full_name", "is_active", "is_verified", "is_staff", "created_at")
    list_filter = ("is_active", "is_staff", "is_superuser", "created_at")
    search_fields = ("email", "full_name")  # Shows the box; see ``get_search_results``.
    search_help_text = (
        "The start of an email address or of a name, or the number of a user. "
        f"A search finds the first {LONGEST_SEARCH} of each."
    )
    ordering = ("-id",)
    sortable_by = ("email", "created_at")
    readonly_fields = ("password_link", "email_verified_at", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("email", "full_name", "password_link", "seen_at")}),
        ("Permissions", {"fields": ("is_active", *PRIVILEGES)}),
        ("Dates", {"fields": ("email_verified_at", "created_at", "updated_at")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "full_name", "usable_password", "password1", "password2")}),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        """Search only indexed columns, so that a search is fast among any number of users."""
        term = search_term.strip()
        if not term:
            return queryset, False
        email, name = User.objects.normalize_email(term), Upper("full_name")
        keys = first_keys(
            queryset.filter(email__startswith=email).order_by(PatternOrder(F("email"))),
            queryset.filter(full_name__istartswith=term).order_by(PatternOrder(name)),
        )
        if term.isdecimal() and len(term) <= MAX_DIGITS:
            keys.append(int(term))
        return queryset.filter(pk__in=keys), False

    @admin.display(boolean=True, description="verified")
    def is_verified(self, user: User) -> bool:
        return user.email_verified

    @admin.display(description="password")
    def password_link(self, user: User) -> str:
        url = reverse("admin:auth_user_password_change", args=[user.pk])
        return format_html('<a href="{}">Set another password</a>', url)

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 (Django's name)
        form_url: str = "",
    ) -> HttpResponse:
        """Pass the actor to the form of Django's page."""
        # For one's own password the old one is required: the cookie may be stolen.
        if id == str(request.user.pk):
            return HttpResponseRedirect(reverse("admin:password_change"))
        page, actor = copy(self), Actor.staff(request)
        page.change_password_form = partial(  # type: ignore[assignment]
            self.change_password_form, actor=actor
        )
        return DjangoUserAdmin.user_change_password(page, request, id, form_url)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Omit the link to set a password if the request may not do that."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        return [
            (name, options | {"fields": [f for f in options["fields"] if f != "password_link"]})
            for name, options in fieldsets
        ]

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return super().get_inlines(request, obj) if obj else ()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields if is_superuser(request) else (*fields, *PRIVILEGES)

    def has_add_permission(self, request: HttpRequest) -> bool:
        # Django's page requires the permission to change users as well.
        return super().has_add_permission(request) and super().has_change_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and may_change(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and may_change(request, obj)

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> User | None:
        """Lock the row while a form is saved, so that it never overwrites another change."""
        user: User | None = super().get_object(request, *args, **kwargs)
        if user and request.method == "POST" and connection.in_atomic_block:
            return User.objects.select_for_update().filter(pk=user.pk).first()
        return user

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except IntegrityError:
            self.message_user(request, "Email already registered", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm, change: bool) -> None:
        """Record the changes and end the affected sessions, in the form's transaction."""
        actor, changed = Actor.staff(request), set(form.changed_data) - {"seen_at"}
        if not change:
            super().save_model(request, obj, form, change)
            Event.objects.record(EventName.ACCOUNT_CREATED, actor, obj.pk)
            return
        was = User(pk=obj.pk, email=form.initial["email"], email_verified_at=obj.email_verified_at)
        has_new_email = obj.email != was.email  # Another spelling of the same is no change.
        if has_new_email:
            obj.email_verified_at = None  # Staff typed it; no one has proven the mailbox yet.
        super().save_model(request, obj, form, change)
        record_changes(obj, changed, actor)
        if "is_active" in changed and not obj.is_active:
            flows.end_all_access([obj])
        if {"is_active", "is_staff"} & changed:
            sessions.end_admin_sessions([obj.pk])
        if has_new_email:
            email_addresses.tell_of_staff_change(obj, was, actor)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        Event.objects.record(EventName.ACCOUNT_DELETED, Actor.staff(request), obj.pk)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Lock the rows first, so that no sign-in starts a session meanwhile."""
        with transaction.atomic():
            for user in queryset.select_for_update():
                Event.objects.record(EventName.ACCOUNT_DELETED, Actor.staff(request), user.pk)
            queryset.delete()


def record_changes(user: User, changed: set[str], actor: Actor) -> None:
    if "is_active" in changed:
        name = EventName.ACCOUNT_ACTIVATED if user.is_active else EventName.ACCOUNT_DEACTIVATED
        Event.objects.record(name, actor, user.pk)
    if fields := changed & set(PRIVILEGES):
        # Record the new values, so that a search finds promotions and demotions.
        values = {name: getattr(user, name) for name in fields & {"is_staff", "is_superuser"}}
        details = {"fields": sorted(fields), **values}
        Event.objects.record(EventName.PRIVILEGES_CHANGED, actor, user.pk, **details)
    if fields := changed - {*PRIVILEGES, "is_active"}:
        Event.objects.record(EventName.PROFILE_CHANGED, actor, user.pk, fields=sorted(fields))
