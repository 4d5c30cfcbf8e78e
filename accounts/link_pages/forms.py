"""The form of each page, and the flow that it calls."""

from typing import TYPE_CHECKING

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.actors.actor import Actor
from accounts.email_addresses import flows as email_addresses
from accounts.errors import LinkNotValid
from accounts.links.models import Link, Purpose
from accounts.outbox import flows as outbox
from accounts.passwords import flows as passwords
from accounts.reauthentication.proofs import Proof
from accounts.users.models import LONGEST_EMAIL, validate_email_shape

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


def password_field(label: "StrOrPromise", autocomplete: str, **kwargs: object) -> forms.CharField:
    """Return a field for a password, which keeps its spaces."""
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    return forms.CharField(label=label, strip=False, widget=widget, **kwargs)  # type: ignore[arg-type]


class PageForm(forms.Form):
    """The title, the button and the action of a page."""

    title: "StrOrPromise"
    button: "StrOrPromise"

    def act(self, actor: Actor) -> str:
        """Call the flow, raise its errors, and return the sentence to show after its success."""
        raise NotImplementedError


class LinkForm(PageForm):
    """The target of a link in a mail; a script moves the token from the URL into the form."""

    purpose: Purpose
    remedy: "StrOrPromise"  # Shown with an invalid link.
    ask: str | None = None  # The page to request a new link, if there is one.

    token = forms.CharField(max_length=100, widget=forms.HiddenInput({"autocomplete": "off"}))

    @cached_property
    def link(self) -> Link | None:
        """Return the valid link of the sent token, without using it up; or None."""
        if not self.is_bound:
            return None
        try:
            return Link.objects.get_by_token(self.data.get("token", ""), self.purpose)
        except LinkNotValid:
            return None

    def already(self) -> str | None:
        """Return the sentence to show for a link that was used before, if it has one."""
        return None

    def about(self, link: Link) -> "list[tuple[StrOrPromise, str]]":
        """Return the email addresses of the link, each with its label."""
        return [(_("Account"), link.email)]

    def username(self, link: Link) -> str | None:
        """Return the user name under which a password manager stores this page's password."""
        return link.email


class ResetForm(LinkForm):
    purpose = Purpose.RESET
    title = _("Set a new password")
    button = _("Set the password")
    remedy = _("A link to set a password works once, for 60 minutes.")
    ask = "forgot-password"
    password = password_field(
        _("New password"), "new-password", help_text=_("8 to 128 characters.")
    )

    def act(self, actor: Actor) -> str:
        passwords.reset(self.cleaned_data["token"], self.cleaned_data["password"], actor)
        return gettext("Your password is set, and every device is signed out. Sign in again.")


class VerifyForm(LinkForm):
    purpose = Purpose.VERIFY
    title = _("Confirm your email address")
    remedy = _("A link to confirm an address works for 24 hours, and only the newest one does.")
    ask = "resend-verification"
    button = _("It was me: confirm the address")
    # Another button of the same form; its name is the field that it sets.
    other_button = ("start_over", _("I did not sign up"))
    other_help = _(
        "If you did not sign up, or do not know the password: every device is signed out, what was"
        " entered for the account is removed, and we send you a link to set a password."
    )
    current_password = password_field(
        _("The password you signed up with"),
        "current-password",
        required=False,
        help_text=_("It shows that it was you who signed up."),
    )

    def starts_over(self) -> bool:
        return "start_over" in self.data

    def clean_current_password(self) -> str | None:
        password: str = self.cleaned_data["current_password"]
        if not password and not self.starts_over():
            raise forms.ValidationError(self.fields["current_password"].error_messages["required"])
        return password if not self.starts_over() else None

    def already(self) -> str | None:
        if Link.objects.has_verified(self.data.get("token", "")):
            return self.sentence(email_addresses.Outcome.REPEATED)
        return None

    def act(self, actor: Actor) -> str:
        token, password = (self.cleaned_data[name] for name in ("token", "current_password"))
        proof = email_addresses.MailboxProof(token=token, account=Proof(password))
        outcome = email_addresses.verify_email(proof, actor, start_over=self.starts_over())
        return self.sentence(outcome)

    def sentence(self, outcome: email_addresses.Outcome) -> str:
        return {
            email_addresses.Outcome.DONE: gettext("Your address is confirmed."),
            email_addresses.Outcome.ACCESS_RESET: gettext(
                "Your address is confirmed. We sent you a link to set a new password."
            ),
            email_addresses.Outcome.REPEATED: gettext("Your address is confirmed already."),
        }[outcome]


class ConfirmChangeForm(LinkForm):
    purpose = Purpose.CHANGE
    title = _("Confirm your new email address")
    button = _("Confirm the address")
    remedy = _(
        "A link to confirm a new address works once, for 24 hours. For another one, change your"
        " address again where you are signed in."
    )
    current_password = password_field(
        _("Your password"),
        "current-password",
        help_text=_("It shows that the account that gets this address is yours."),
    )

    # The new email address may be mistyped, and its reader a stranger: hide most of the old one.
    def about(self, link: Link) -> "list[tuple[StrOrPromise, str]]":
        return [(_("New address"), link.email), (_("Present address"), hint(link.user.email))]

    def username(self, link: Link) -> str | None:
        return None

    def act(self, actor: Actor) -> str:
        token, password = (self.cleaned_data[name] for name in ("token", "current_password"))
        proof = email_addresses.MailboxProof(token=token, account=Proof(password))
        if email_addresses.confirm_change(proof, actor) == email_addresses.Outcome.DONE:
            return gettext("Your account has its new address.")
        return restored()


class UndoChangeForm(LinkForm):
    purpose = Purpose.UNDO
    title = _("Take your account back")
    button = _("Bring my address back")
    remedy = _(
        "A link to take an address back works once, for 7 days. If you have used it, look in your"
        " mail for the link to set a new password; if not, write to the team that runs this"
        " service."
    )

    def about(self, link: Link) -> "list[tuple[StrOrPromise, str]]":
        return [(_("The address that comes back"), link.email)]

    def username(self, link: Link) -> str | None:
        return None

    def act(self, actor: Actor) -> str:
        email_addresses.undo_change(self.cleaned_data["token"], actor)
        return restored()


def restored() -> str:
    return gettext(
        "Your address is back, and every device is signed out. We sent you a link to set a new"
        " password."
    )


class ForgotForm(PageForm):
    title = _("Forgot your password?")
    button = _("Send me a link")
    email = forms.CharField(
        label=_("Email address"),
        max_length=LONGEST_EMAIL,
        validators=[validate_email_shape],
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def act(self, actor: Actor) -> str:
        outbox.request_link(Purpose.RESET, self.cleaned_data["email"], actor)
        return gettext("If the address has an account, we sent a link to it.")


class ResendForm(ForgotForm):
    title = _("Get a new link to confirm your address")

    def act(self, actor: Actor) -> str:
        outbox.request_link(Purpose.VERIFY, self.cleaned_data["email"], actor)
        return gettext(
            "If the address has an account and is not confirmed yet, we sent a link to it."
        )


def hint(email: str) -> str:
    """Return enough of an email address for its owner to recognize it."""
    local, _at, domain = email.partition("@")
    return f"{local[0]}•••@{domain}"


FORMS: dict[str, type[PageForm]] = {
    Purpose.RESET: ResetForm,
    Purpose.VERIFY: VerifyForm,
    Purpose.CHANGE: ConfirmChangeForm,
    Purpose.UNDO: UndoChangeForm,
    "forgot-password": ForgotForm,
    "resend-verification": ResendForm,
}
