"""What follows when staff give somebody another address."""

from django.forms import ModelForm
from django.http import HttpRequest

from accounts.actors.actor import Actor
from accounts.email_addresses import flows
from accounts.sessions import admin
from accounts.users.admin import is_moved
from accounts.users.models import User


class UserAdmin(admin.UserAdmin):
    def save_model(self, request: HttpRequest, obj: User, form: ModelForm, change: bool) -> None:
        """Void the links of who is moved, and tell both mailboxes, in the form's transaction."""
        was = User(
            email=form.initial.get("email", ""), email_verified_at=obj.email_verified_at, pk=obj.pk
        )
        super().save_model(request, obj, form, change)
        if change and is_moved(form):
            flows.follow_staff(obj, was, Actor.staff(request))
