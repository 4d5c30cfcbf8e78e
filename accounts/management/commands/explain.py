"""Explain why a person cannot sign in, and list the newest events of the account."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import BaseCommand, CommandError, CommandParser

from accounts.events.models import EventName
from accounts.lockouts import flows as lockouts
from accounts.management.people import describe, instant
from accounts.outbox import flows as outbox
from accounts.throttling import flows as throttling
from accounts.users.models import User, validate_new_email

NEWEST = 10  # Events, and mails.
STATUSES = {"READY": "waits", "RUNNING": "is being sent", "FAILED": "has failed for good"}


class Command(BaseCommand):
    help = "Explain why a person cannot sign in: the account, limits, sessions, events and mails."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: Any, **options: Any) -> None:
        for sentence in explain(options["email"]):
            self.stdout.write(sentence)


def explain(email: str) -> Iterator[str]:
    user = User.objects.filter(email=User.objects.normalize_email(email)).first()
    if user is None:
        yield no_account(email)
        return
    yield f"This is user {user.pk}{', staff' * user.is_staff}, since {instant(user.created_at)}."
    yield verification(user)
    yield from [*obstacles(user)] or ["Nothing keeps them from signing in with the right password."]
    for tally in lockouts.confirmation_blocks(user):
        yield f"Cannot confirm with their password: {describe(tally)}."
    yield sessions(user)
    yield from events(user)
    yield from unsent(user)


def no_account(email: str) -> str:
    """Return the sentence. Raises CommandError if the text is no email address."""
    try:
        validate_new_email(email)
    except ValidationError as error:
        raise CommandError("This cannot be an email address.") from error
    return "No account has this email address."


def verification(user: User) -> str:
    if user.email_verified_at:
        return f"The email address was verified, {instant(user.email_verified_at)}."
    mode = settings.EMAIL_VERIFICATION
    return f"The email address is not verified, and EMAIL_VERIFICATION is {mode}."


def obstacles(user: User) -> Iterator[str]:
    if not user.is_active:
        yield inactivity(user)
    if settings.EMAIL_VERIFICATION == "required" and not user.email_verified:
        yield "They cannot sign in before they verify it (resend-verification mails a link)."
    if not user.has_usable_password():
        yield "There is no password: they need a link to set one (forgot-password mails it)."
    for tally in lockouts.signin_blocks(user):
        yield f"Blocked: {describe(tally)}."


def inactivity(user: User) -> str:
    # The audit log may have lost the event: its retention is limited.
    names = (EventName.ACCOUNT_ACTIVATED, EventName.ACCOUNT_DEACTIVATED)
    last = user.events.filter(name__in=names).order_by("-id").first()
    if last and last.name == EventName.ACCOUNT_DEACTIVATED:
        return f"The account was deactivated on {instant(last.created_at)}."
    return "The account is not active: it waits for staff to approve it."


def sessions(user: User) -> str:
    last = user.sessions.order_by("-last_used_at").first()
    if last is None:
        return "They hold no session, and none that has ended is kept."
    origin = f"{last.device} from {last.ip_address or 'an unknown IP address'}"
    number = user.sessions.live().count()
    return f"Live sessions: {number}; last seen {instant(last.last_used_at)}, {origin}."


def events(user: User) -> Iterator[str]:
    for event in user.events.order_by("-id")[:NEWEST]:
        origin = f" from {event.ip_address}" if event.ip_address else ""
        details = ", ".join(f"{key}: {value}" for key, value in event.details.items())
        more = f" ({details})" if details else ""
        yield f"{instant(event.created_at)}: {event.name}{origin}{more}."


def unsent(user: User) -> Iterator[str]:
    for tally in throttling.tallies(outbox.quotas(user.email)):
        if tally.is_reached:
            yield f"No more is sent: {describe(tally)}."
    found = outbox.unsent(user)[:NEWEST]
    for mail in found:
        error = f", last error {mail.last_error}" if mail.last_error else ""
        yield (
            f"The mail {mail.kind} of {instant(mail.enqueued_at)} {STATUSES[mail.status]},"
            f" attempts: {mail.attempts}{error}."
        )
    if not found:
        yield "No mail to them waits or has failed."
