"""How staff set somebody's password."""

from django.contrib.auth.forms import AdminPasswordChangeForm

from accounts.passwords import flows
from accounts.users.models import User


class SetPasswordForm(AdminPasswordChangeForm):
    """Django's form, except that the user's sessions end too."""

    def save(self, commit: bool = True) -> User:
        user: User = self.user
        is_usable = self.cleaned_data["set_usable_password"]
        flows.set_by_staff(user, self.cleaned_data["password1"] if is_usable else None)
        return user
