"""The worker's tasks: look up accounts, and send mails."""

from typing import Any

from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django_tasks import task

from accounts.actors.actor import Actor
from accounts.events.models import Event, EventName
from accounts.links.models import LIFETIMES, Link, LinkQuerySet, Purpose
from accounts.outbox.texts import link_url, mail
from accounts.users.models import User

TEMPLATES = {
    Purpose.VERIFY: "verify_email",
    Purpose.RESET: "reset_password",
    Purpose.CHANGE: "confirm_email_change",
    Purpose.UNDO: "email_changed",
}

# Links of an account to set a password that are good at the same time. They live for an hour, in
# which MAIL_RATE_ACCOUNT allows at most twice its five: so no live one is voided.
MOST_RESETS = 10


@task()
def send(template: str, language: str, to: str, context: dict[str, Any]) -> int:
    """Send a mail, and return 1. Raises the errors of smtplib."""
    return deliver(mail(template, language, to, **context))


@task()
def send_link(link_id: int, language: str, template: str | None = None) -> int:
    """Send a link, unless it is void by now; return the number of mails sent."""
    # A newer link, a new password or a new email address may have voided it since.
    link = Link.objects.select_related("user").filter(pk=link_id).first()
    # Its secrets are made only now, so that they are in no queue. After a failure the next attempt
    # makes new ones.
    secrets = link.renew() if link else None
    if link is None or secrets is None:
        return 0
    context = {
        "url": link_url(Purpose(link.purpose), secrets.token),
        "code": secrets.code,
        "lifetime": LIFETIMES[Purpose(link.purpose)],
        "email": link.user.email,
    }
    words = template or TEMPLATES[Purpose(link.purpose)]
    return deliver(mail(words, language, link.email, **context))


def deliver(message: EmailMultiAlternatives) -> int:
    # The context closes the connection, also when a login is refused.
    with get_connection() as message.connection:
        return message.send()


@task()
def look_up(purpose: str, email: str, actor: dict[str, Any] | list[Any]) -> None:
    """Queue the link that was requested for an email address, if it has an account for it."""
    asked, asker = Purpose(purpose), Actor.from_task(actor)
    if asked == Purpose.RESET:
        users = may_reset(email)
    else:
        users = User.objects.filter(email=email, email_verified_at=None)
    with transaction.atomic():
        user = users.select_for_update().first()
        if user is None:
            return
        if asked == Purpose.RESET:
            Event.objects.record(EventName.PASSWORD_RESET_REQUESTED, asker, user.pk)
        link = replace(user, asked, email)
        send_link.enqueue(link.pk, asker.language)


def may_reset(email: str) -> "QuerySet[User]":
    """Select the active user with the email address, or the one who can return to it."""
    users = User.objects.filter(is_active=True)
    own = users.filter(email=email)
    return own if own.exists() else users.filter(pk__in=Link.objects.to_undo(email).values("user"))


def replace(user: User, purpose: Purpose, email: str) -> Link:
    """Return a new link in place of those that ``superseded`` selects.

    Call it in a transaction that created the user or holds a lock on the row.
    """
    superseded(user, purpose).delete()
    now = timezone.now()
    return user.links.create(
        purpose=purpose, email=email, created_at=now, expires_at=now + LIFETIMES[purpose]
    )


def superseded(user: User, purpose: Purpose) -> LinkQuerySet:
    """Select the links that a new one of this purpose makes void."""
    # Anyone may request a reset of anyone's password. So earlier links that were mailed stay good,
    # or a stranger could keep the owner from ever using one. Unsent ones are replaced.
    links: LinkQuerySet = user.links.filter(purpose=purpose)
    if purpose == Purpose.UNDO:
        return links.none()
    if purpose != Purpose.RESET:
        return links
    newest = links.exclude(digest=None).order_by("-pk").values_list("pk", flat=True)
    return links.exclude(pk__in=list(newest[: MOST_RESETS - 1]))
