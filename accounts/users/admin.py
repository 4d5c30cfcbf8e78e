"""Users in the admin."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.core.exceptions import BadRequest, ValidationError
from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

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

    def clean_seen_at(self) -> None:
        """Refuse to write back what the page showed before somebody else changed the user."""
        if self.cleaned_data["seen_at"] != self.instance.updated_at.isoformat():
            raise ValidationError("Somebody changed this user in the meantime: reload the page.")


class NewUserForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ("email", "full_name")


class Sane:
    """A page of the admin for which no question is an error of ours."""

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        """Allow what the page's own filters ask; a regular expression, say, is none of it."""
        field, _, operator = lookup.partition("__")
        filtered: Any = getattr(self, "list_filter", ())
        return field in filtered and operator in ("", "exact", "isnull", "gte", "lt")

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changelist_view(request, *args, **kwargs)  # type: ignore[misc,no-any-return]
        except (DataError, OverflowError, ValueError) as error:
            raise BadRequest from error

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)  # type: ignore[misc,no-any-return]
        except (DataError, OverflowError) as error:
            raise BadRequest from error


class GroupAdmin(Sane, DjangoGroupAdmin):
    """Groups give privileges, so they are for superusers."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_superuser(request)


class UserAdmin(Sane, DjangoUserAdmin):
    """Staff look after people; only superusers give privileges or touch other staff."""

    form = UserForm
    add_form = NewUserForm
    list_display = ("email", "full_name", "is_active", "is_verified", "is_staff", "created_at")
    list_filter = ("is_active", "is_staff", "is_superuser", "created_at")
    search_fields = ("email", "full_name")
    ordering = ("-id",)
    show_full_result_count = False
    readonly_fields = ("password_link", "email_verified_at", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("email", "full_name", "password_link", "seen_at")}),
        ("Permissions", {"fields": ("is_active", *PRIVILEGES)}),
        ("Dates", {"fields": ("email_verified_at", "created_at", "updated_at")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "full_name", "usable_password", "password1", "password2")}),
    )

    @admin.display(boolean=True, description="verified")
    def is_verified(self, user: User) -> bool:
        return user.email_verified

    @admin.display(description="password")
    def password_link(self, user: User) -> str:
        address = reverse("admin:auth_user_password_change", args=[user.pk])
        return format_html('<a href="{}">Set another password</a>', address)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return super().get_inlines(request, obj) if obj else ()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields if is_superuser(request) else (*fields, *PRIVILEGES)

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
        """End the sessions with the account's activity, in the form's transaction."""
        super().save_model(request, obj, form, change)
        if not obj.is_active:
            obj.sessions.all().revoke()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Lock the rows first, so that no sign-in starts a session half-way through."""
        with transaction.atomic():
            list(queryset.select_for_update())
            queryset.delete()


def is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def may_touch(request: HttpRequest, user: User | None) -> bool:
    """Return whether whoever asks is not reaching for more rights than his own."""
    if user is None or is_superuser(request):
        return True
    return not user.is_superuser and (not user.is_staff or user.pk == request.user.pk)


def changeable(page: admin.ModelAdmin, request: HttpRequest, users: QuerySet[User]) -> list[Any]:
    """Return the keys of those users that whoever asks may change: not every staff may do all."""
    return [user.pk for user in users if page.has_change_permission(request, user)]


@admin.action(permissions=["change"], description="Approve")
def approve(page: admin.ModelAdmin, request: HttpRequest, users: QuerySet[User]) -> None:
    """Let people in who signed up where staff approve each account, or were deactivated."""
    inactive = User.objects.filter(pk__in=changeable(page, request, users), is_active=False)
    approved = inactive.update(is_active=True, updated_at=timezone.now())
    page.message_user(request, f"{approved} users approved.")
