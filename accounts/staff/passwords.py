"""The forms with which staff set the password of a user, or their own."""

from typing import Any

from django.contrib.admin.forms import AdminPasswordChangeForm as DjangoOwnPasswordForm
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.core.exceptions import ValidationError

from accounts.actors.actor import Actor
from accounts.errors import PasswordIncorrect
from accounts.passwords import flows
from accounts.reauthentication import flows as reauthentication
from accounts.reauthentication.proofs import Proof
from accounts.users.models import User


class SetPasswordForm(AdminPasswordChangeForm):
    """Django's form, but it writes only the password, and ends the user's sessions."""

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actor = actor

    def save(self, commit: bool = True) -> User:
        user: User = self.user
        is_usable = self.cleaned_data["set_usable_password"]
        new_password = self.cleaned_data["password1"] if is_usable else None
        flows.set_by_staff(user, new_password, self.actor)
        return user


class OwnPasswordForm(DjangoOwnPasswordForm):
    """The same for one's own password, which requires the old one."""

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actor = actor

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        try:
            reauthentication.check(self.user, Proof(password), self.actor)
        except PasswordIncorrect as error:
            raise ValidationError(error.default_detail, code=error.default_code) from error
        return password

    def save(self, commit: bool = True) -> User:
        user: User = self.user
        flows.set_by_staff(user, self.cleaned_data["new_password1"], self.actor, is_own=True)
        return user
