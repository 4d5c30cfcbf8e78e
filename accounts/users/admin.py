"""Users in the admin."""

from collections.abc import Iterable
from copy import copy
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Upper
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from accounts.actors.actor import Actor
from accounts.events.admin import MAX_DIGITS, AuditedAdmin
from accounts.events.lists import LONGEST_SEARCH, PatternOrder, first_keys
from accounts.events.models import Event, Name, describe
from accounts.users.models import User

PRIVILEGES = ("is_staff", "is_superuser", "groups", "user_permissions")


class UserForm(UserChangeForm):
    password = None  # type: ignore[assignment]  # Not even masked: a hash is nobody's business.
    seen_at = forms.CharField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = User
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen_at"].initial = self.instance.updated_at.isoformat()

    def clean(self) -> dict[str, Any] | None:
        """Refuse to write back what the page showed before the user was changed."""
        cleaned: dict[str, Any] | None = super().clean()
        if self.cleaned_data.get("seen_at") != self.instance.updated_at.isoformat():
            # To reload the page would send the same form again: the link asks for it afresh.
            again = format_html('<a href="">{}</a>', "Open the page again")
            text = "This user was changed since you opened the page. {} and repeat your changes."
            raise ValidationError(format_html(text, again), code="stale")
        return cleaned


class NewUserForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email", "full_name")


class GroupAdmin(AuditedAdmin, DjangoGroupAdmin):
    """Groups give privileges, so they are for superusers."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request)

    def save_model(self, request: HttpRequest, obj: Group, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        self.record(request, [obj], "changed" if change else "added")

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        self.record(request, [obj], "deleted")
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        with transaction.atomic():
            self.record(request, queryset, "deleted")
            super().delete_queryset(request, queryset)

    def record(self, request: HttpRequest, groups: Iterable[Group], act: str) -> None:
        for group in groups:
            actor = Actor.staff(request)
            Event.objects.record(Name.GROUP_CHANGED, actor, group=group.name, act=act)


class UserAdmin(AuditedAdmin, DjangoUserAdmin):
    """Staff look after people; only superusers give privileges or touch other staff."""

    form = UserForm
    add_form = NewUserForm
    list_display = ("email", "full_name", "is_active", "is_verified", "is_staff", "created_at")
    list_filter = ("is_active", "is_staff", "is_superuser", "created_at")
    search_fields = ("email", "full_name")  # Shows the box; see ``get_search_results``.
    search_help_text = (
        "The start of an e-mail address or of a name, or the number of a user. "
        f"The first {LONGEST_SEARCH} of each are found."
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
        """Find by what an index knows, so that a search is fast among users of any number."""
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
        address = reverse("admin:auth_user_password_change", args=[user.pk])
        return format_html('<a href="{}">Set another password</a>', address)

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002 (Django's name)
        form_url: str = "",
    ) -> HttpResponse:
        """Give Django's page a form that knows who uses it.

        One's own password is set where the old one is asked for: a cookie alone may be stolen.
        """
        if id == str(request.user.pk):
            return HttpResponseRedirect(reverse("admin:password_change"))
        page, actor = copy(self), Actor.staff(request)
        page.change_password_form = partial(self.change_password_form, actor=actor)
        return DjangoUserAdmin.user_change_password(page, request, id, form_url)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out the link to set a password where that may not be done."""
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
        """Return whether to offer the page, which Django gives only to those who may change too."""
        return super().has_add_permission(request) and super().has_change_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and may_touch(request, obj)

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> User | None:
        """Lock the row while a form is saved, so that it never writes back what it read before."""
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
        """End the sessions and void the links with the account's activity.

        That is in the form's transaction. An address that staff typed is not proven.
        """
        if change and is_moved(form):
            obj.email_verified_at = None
        super().save_model(request, obj, form, change)
        actor, changed = Actor.staff(request), set(form.changed_data) - {"seen_at"}
        if not change:
            Event.objects.record(Name.ACCOUNT_CREATED, actor, obj.pk)
            return
        if "is_active" in changed:
            name = Name.ACCOUNT_ACTIVATED if obj.is_active else Name.ACCOUNT_DEACTIVATED
            Event.objects.record(name, actor, obj.pk)
            if not obj.is_active:
                obj.links.all().delete()
        if fields := changed & set(PRIVILEGES):
            # Not only that it changed: a promotion is looked for, and a demotion.
            values = {name: getattr(obj, name) for name in fields & {"is_staff", "is_superuser"}}
            details = {"fields": sorted(fields), **values}
            Event.objects.record(Name.PRIVILEGES_CHANGED, actor, obj.pk, **details)
        if fields := changed - {*PRIVILEGES, "is_active"}:
            Event.objects.record(Name.PROFILE_CHANGED, actor, obj.pk, fields=sorted(fields))
        if not obj.is_active:
            obj.sessions.all().revoke()

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        Event.objects.record(Name.ACCOUNT_DELETED, Actor.staff(request), obj.pk)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Lock the rows first, so that no sign-in starts a session half-way through."""
        with transaction.atomic():
            for user in queryset.select_for_update():
                Event.objects.record(Name.ACCOUNT_DELETED, Actor.staff(request), user.pk)
            queryset.delete()


def is_moved(form: ModelForm) -> bool:
    """Return whether the user has another address now, and not another spelling of the same."""
    return bool(form.instance.email != form.initial["email"])


def is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def may_touch(request: HttpRequest, user: User | None) -> bool:
    """Return whether the member of staff is not reaching for more rights than their own."""
    if user is None or is_superuser(request):
        return True
    return not user.is_superuser and (not user.is_staff or user.pk == request.user.pk)


def changeable(page: admin.ModelAdmin, request: HttpRequest, users: QuerySet[User]) -> list[Any]:
    """Return the keys of those users that this member of staff may change."""
    return [user.pk for user in users if page.has_change_permission(request, user)]


@admin.action(permissions=["change"], description="Approve")
def approve(page: admin.ModelAdmin, request: HttpRequest, users: QuerySet[User]) -> None:
    """Let people in who signed up where staff approve each account, or were deactivated."""
    chosen = changeable(page, request, users)
    approved = set_active(chosen, True, Actor.staff(request))
    page.message_user(request, f"{len(approved)} users approved.")


def set_active(users: list[Any], is_active: bool, actor: Actor) -> list[int]:
    """Activate or deactivate those of the users that are not yet, and return their keys."""
    name = Name.ACCOUNT_ACTIVATED if is_active else Name.ACCOUNT_DEACTIVATED
    with transaction.atomic():
        others = User.objects.filter(pk__in=users, is_active=not is_active).order_by("pk")
        changed = list(others.select_for_update().values_list("pk", flat=True))
        now = timezone.now()
        User.objects.filter(pk__in=changed).update(is_active=is_active, updated_at=now)
        Event.objects.write(describe(name, actor, user_id) for user_id in changed)
    return changed
