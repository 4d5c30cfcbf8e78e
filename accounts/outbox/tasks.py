"""What the worker does: it looks addresses up, and sends."""

from typing import Any

from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django_tasks import task

from accounts.actors.actor import Actor
from accounts.events.models import Event, EventName
from accounts.links.models import LIFETIMES, Link, LinkQuerySet, Purpose
from accounts.outbox.texts import address, mail
from accounts.users.models import User

TEMPLATES = {
    Purpose.VERIFY: "verify_email",
    Purpose.RESET: "reset_password",
    Purpose.CHANGE: "confirm_email_change",
    Purpose.UNDO: "email_changed",
}

# Links of one account to set a password that are good beside each other. They live for an hour, in
# which MAIL_RATE_ACCOUNT lets at most twice its five be asked for: so none is voided alive.
MOST_RESETS = 10


@task()
def send(template: str, language: str, to: str, context: dict[str, Any]) -> int:
    """Send a mail, and return that it is one. Raises what the mail server's refusal raises."""
    return deliver(mail(template, language, to, **context))


@task()
def send_link(link_id: int, language: str, template: str | None = None) -> int:
    """Send a link, unless a newer one, a new password or a new address has made it void.

    Returns how many mails went out.
    """
    link = Link.objects.select_related("user").filter(pk=link_id).first()
    # Its secrets are made only now, so that they are in no queue; after a failure the next attempt
    # makes other ones.
    secrets = link.renew() if link else None
    if link is None or secrets is None:
        return 0
    context = {
        "url": address(Purpose(link.purpose), secrets.token),
        "code": secrets.code,
        "lifetime": LIFETIMES[Purpose(link.purpose)],
        "email": link.user.email,
    }
    words = template or TEMPLATES[Purpose(link.purpose)]
    return deliver(mail(words, language, link.email, **context))


def deliver(message: EmailMultiAlternatives) -> int:
    """Send it, and return that it is one; no connection stays open when a login is refused."""
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
    """Select the active account of an address, or the one that can be taken back to it."""
    users = User.objects.filter(is_active=True)
    own = users.filter(email=email)
    return own if own.exists() else users.filter(pk__in=Link.objects.to_undo(email).values("user"))


def replace(user: User, purpose: Purpose, email: str) -> Link:
    """Return a new link of this purpose; what ``superseded`` selects is void from now on.

    Call it in a transaction that has locked or made the user.
    """
    superseded(user, purpose).delete()
    now = timezone.now()
    return user.links.create(
        purpose=purpose, email=email, created_at=now, expires_at=now + LIFETIMES[purpose]
    )


def superseded(user: User, purpose: Purpose) -> LinkQuerySet:
    """Select the links that one more of this purpose makes void.

    Anybody may ask for a reset of anybody's password. So links that were mailed stay good beside
    it, or a stranger would keep the owner from ever using one; what was not mailed yet is replaced.
    """
    links: LinkQuerySet = user.links.filter(purpose=purpose)
    if purpose == Purpose.UNDO:
        return links.none()
    if purpose != Purpose.RESET:
        return links
    newest = links.exclude(digest=None).order_by("-pk").values_list("pk", flat=True)
    return links.exclude(pk__in=list(newest[: MOST_RESETS - 1]))
