"""What the worker does: it looks addresses up, and sends."""

from typing import Any

from django.db import transaction
from django.utils import timezone
from django_tasks import task

from accounts.clients.client import Client
from accounts.events.models import Event, Name
from accounts.mails.models import LIFETIMES, Link, Purpose
from accounts.mails.texts import address, mail
from accounts.users.models import User

TEMPLATES = {
    Purpose.VERIFY: "verify_email",
    Purpose.RESET: "reset_password",
    Purpose.CHANGE: "confirm_email_change",
    Purpose.UNDO: "email_changed",
}


@task()
def send(template: str, language: str, to: str, context: dict[str, Any]) -> None:
    """Send a mail. Raises what the mail server's refusal raises; then the queue tries again."""
    mail(template, language, to, **context).send()


@task()
def send_link(link_id: int, language: str) -> None:
    """Send a link, unless a newer one, a new password or a new address has made it void.

    Its secret is made only now, so that it is in no queue; after a failure the next attempt makes
    another one.
    """
    link = Link.objects.select_related("user").filter(pk=link_id).first()
    if link is None:
        return
    token = link.renew()
    if token is None:
        return
    context = {
        "url": address(Purpose(link.purpose), token),
        "lifetime": LIFETIMES[Purpose(link.purpose)],
        "email": link.user.email,
    }
    mail(TEMPLATES[Purpose(link.purpose)], language, link.email, **context).send()


@task()
def look_up(purpose: str, email: str, client: list[Any]) -> None:
    """Queue the link that somebody asked for by an address, if it has an account that may."""
    asked, asker = Purpose(purpose), Client(*client)
    users = User.objects.filter(email=email)
    if asked == Purpose.RESET:
        users = users.filter(is_active=True)
    else:
        users = users.filter(email_verified_at=None)
    with transaction.atomic():
        user = users.select_for_update().first()
        if user is None:
            return
        if asked == Purpose.RESET:
            Event.objects.record(Name.PASSWORD_RESET_REQUESTED, asker, user.pk)
        link = replace(user, asked, user.email)
        send_link.enqueue(link.pk, asker.language)


def replace(user: User, purpose: Purpose, email: str) -> Link:
    """Return a new link of this purpose; an earlier one is void from now on.

    Belongs into a transaction that has locked the user, or made him.
    """
    if purpose != Purpose.UNDO:
        user.links.filter(purpose=purpose).delete()
    now = timezone.now()
    return user.links.create(
        purpose=purpose, email=email, created_at=now, expires_at=now + LIFETIMES[purpose]
    )
