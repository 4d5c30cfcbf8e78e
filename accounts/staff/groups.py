"""Groups in the admin."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from accounts.actors.actor import Actor
from accounts.events.models import Event, EventName
from accounts.staff.base import AuditedAdmin
from accounts.staff.permissions import is_superuser


class GroupAdmin(AuditedAdmin, DjangoGroupAdmin):
    """Lets only superusers change groups, because groups give privileges."""

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
            Event.objects.record(EventName.GROUP_CHANGED, actor, group=group.name, act=act)
