"""What each page asks for, and what it does with that."""

from typing import TYPE_CHECKING

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.clients.client import Client
from accounts.emails import flows as emails
from accounts.mails import flows as mails
from accounts.mails.models import Purpose
from accounts.passwords import flows as passwords

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


def password_field(label: "StrOrPromise", autocomplete: str, **kwargs: object) -> forms.CharField:
    """Return a field for a password, which is taken exactly as it is typed."""
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    return forms.CharField(label=label, strip=False, widget=widget, **kwargs)  # type: ignore[arg-type]


class PageForm(forms.Form):
    """A page: its title, its button, and its act, which returns what to say when it is done."""

    title: "StrOrPromise"
    button: "StrOrPromise"

    def act(self, client: Client) -> str:
        """Do what the page is for. Raises what the flow raises."""
        raise NotImplementedError


class LinkForm(PageForm):
    """A page that a link in a mail leads to; a script moves the token out of the address."""

    token = forms.CharField(
        label=_("Code: what stands behind #token= in the link"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class ResetForm(LinkForm):
    title = _("Set a new password")
    button = _("Set the password")
    password = password_field(
        _("New password"), "new-password", help_text=_("8 to 128 characters.")
    )

    def act(self, client: Client) -> str:
        passwords.reset(self.cleaned_data["token"], self.cleaned_data["password"], client)
        return gettext("Your password is set, and every device is signed out. Sign in again.")


class VerifyForm(LinkForm):
    title = _("Confirm your email address")
    button = _("Confirm the address")
    current_password = password_field(
        _("The password you signed up with"),
        "current-password",
        required=False,
        help_text=_(
            "It shows that it was you who signed up. If you leave it empty, and somebody has signed"
            " in to the account before, every device is signed out, and you have to set a new"
            " password."
        ),
    )

    def act(self, client: Client) -> str:
        password = self.cleaned_data["current_password"] or None
        outcome = emails.verify(self.cleaned_data["token"], client, current_password=password)
        return {
            emails.Verification.DONE: gettext("Your address is confirmed."),
            emails.Verification.PUT_OUT: gettext(
                "Your address is confirmed. We sent you a link to set a new password."
            ),
            emails.Verification.REPEATED: gettext("Your address is confirmed already."),
        }[outcome]


class ConfirmChangeForm(LinkForm):
    title = _("Confirm your new email address")
    button = _("Confirm the address")
    current_password = password_field(
        _("Your password"),
        "current-password",
        help_text=_("It shows that the account that gets this address is yours."),
    )

    def act(self, client: Client) -> str:
        token, password = (self.cleaned_data[name] for name in ("token", "current_password"))
        emails.confirm_change(token, client, current_password=password)
        return gettext("Your account has its new address.")


class UndoChangeForm(LinkForm):
    title = _("Take your account back")
    button = _("Bring my address back")

    def act(self, client: Client) -> str:
        emails.undo_change(self.cleaned_data["token"], client)
        return gettext(
            "Your address is back, and every device is signed out. We sent you a link to set a new"
            " password."
        )


class ForgotForm(PageForm):
    title = _("Forgot your password?")
    button = _("Send me a link")
    email = forms.CharField(
        label=_("Email address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def act(self, client: Client) -> str:
        mails.ask(Purpose.RESET, self.cleaned_data["email"], client)
        return gettext("If the address has an account, we sent a link to it.")


FORMS: dict[str, type[PageForm]] = {
    Purpose.RESET: ResetForm,
    Purpose.VERIFY: VerifyForm,
    Purpose.CHANGE: ConfirmChangeForm,
    Purpose.UNDO: UndoChangeForm,
    "forgot-password": ForgotForm,
}
