"""How staff set somebody's password."""

from typing import Any

from django.contrib.auth.forms import AdminPasswordChangeForm

from accounts.passwords import flows
from accounts.users.models import User


class SetPasswordForm(AdminPasswordChangeForm):
    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        # To keep somebody out, deactivate the account instead of disabling its password.
        self.fields.pop("usable_password", None)
        for name in ("password1", "password2"):
            self.fields[name].required = True

    def save(self, commit: bool = True) -> User:
        user: User = self.user
        flows.set_by_staff(user, self.cleaned_data["password1"])
        return user
