"""Queue mails, each in the transaction of the change that it is about."""

from datetime import timedelta
from typing import Any, NamedTuple

from django.db.models import Q
from django.utils import timezone
from django_tasks.base import TaskResultStatus

from accounts.actors.actor import Actor
from accounts.errors import TooManyAttempts
from accounts.links.models import Link, Purpose
from accounts.outbox import tasks
from accounts.outbox.models import Attempts, Mail, MailQuerySet
from accounts.throttling import flows as throttling
from accounts.throttling.limits import Limit, limit, network_limits
from accounts.users.models import User

NOTICE = "notice"  # Counted apart from links.
LATE = timedelta(minutes=5)  # A mail that waits for longer is a sign of trouble.
# Mails given up with none sent between them: one or two may be mistyped email addresses.
MANY_FAILED = 3


class Backlog(NamedTuple):
    """The mails neither sent nor given up, and how many were given up since one was sent."""

    number: int
    oldest: Mail | None
    failed_in_a_row: int

    @property
    def seconds(self) -> float:
        """Return how long ago the oldest mail was queued, even if it was tried since."""
        return (timezone.now() - self.oldest.enqueued_at).total_seconds() if self.oldest else 0.0

    @property
    def is_late(self) -> bool:
        return self.seconds >= LATE.total_seconds()

    @property
    def is_refused(self) -> bool:
        return self.failed_in_a_row >= MANY_FAILED

    @property
    def is_healthy(self) -> bool:
        return not (self.is_late or self.is_refused)


def backlog() -> Backlog:
    waiting = Mail.objects.waiting()
    oldest = waiting.order_by("enqueued_at").first()
    return Backlog(waiting.count(), oldest, Attempts.objects.total().failed_in_a_row)


def notify(template: str, user: User, actor: Actor, **context: Any) -> None:
    """Queue a mail that tells the user of an event of the account.

    An email address that was never verified may be a stranger's, so notices to it are limited;
    the others are silently not sent.
    """
    if not user.email_verified:
        has_quota = take_email_quota(NOTICE, user.email, actor, user.pk)
        if not has_quota:
            return
    known = {"email": user.email, "user_id": user.pk, **context}
    tasks.send.enqueue(template, actor.language, user.email, known)


def send_link(
    user: User,
    purpose: Purpose,
    actor: Actor,
    email: str | None = None,
    template: str | None = None,
) -> Link:
    """Queue a link to the user's email address, or to ``email``, which it will verify.

    Earlier links of the purpose become void, except those that reset a password. Call it in a
    transaction that created the user or holds a lock on the row.
    """
    link = tasks.replace(user, purpose, email or user.email)
    words = template or tasks.TEMPLATES[purpose]
    tasks.send_link.enqueue(link.pk, actor.language, words)
    return link


def request_link(purpose: Purpose, email: str, actor: Actor) -> None:
    """Queue a link for the owner of this email address, in the same way for every one.

    The worker looks the account up, so neither the answer nor its time tells whether there is
    one. Raises TooManyAttempts for a network; the limit of an email address is kept silently.
    """
    email = User.objects.normalize_email(email)
    has_quota = take_quota(purpose, email, actor)
    if has_quota:
        tasks.look_up.enqueue(purpose, email, actor._asdict())


def take_quota(purpose: Purpose, email: str, actor: Actor) -> bool:
    """Count one mail of this purpose; return False if the email address has had enough.

    Raises TooManyAttempts if the network has asked for too many.
    """
    limits = network_limits("MAIL_RATE_NETWORK", actor.network)
    throttling.take(throttling.Attempt(limits, actor))
    return take_email_quota(purpose, email, actor)


def take_email_quota(purpose: str, email: str, actor: Actor, user_id: int | None = None) -> bool:
    # Each purpose has a counter of its own, so that a stranger who asks for one kind of mail does
    # not use up another person's links to set a new password.
    limits = [limit("MAIL_RATE_ACCOUNT", purpose, email)]
    try:
        throttling.take(throttling.Attempt(limits, actor, user_id=user_id))
    except TooManyAttempts:
        return False
    return True


def quotas(email: str) -> list[Limit]:
    """Return the limits of mails to the email address, of every purpose."""
    return [limit("MAIL_RATE_ACCOUNT", purpose, email) for purpose in (*Purpose.values, NOTICE)]


def unsent(user: User) -> MailQuerySet:
    """Select mails to the user that wait or have failed, except links that are void by now."""
    # Rows have no column for the user, so all unsent mails are read. Mails to an email address
    # that another account has by now are not selected either.
    links = list(user.links.values_list("pk", flat=True))
    of_user = (
        Q(task_path=tasks.send.module_path, args_kwargs__args__2=user.email)
        | Q(task_path=tasks.send_link.module_path, args_kwargs__args__0__in=links)
        | Q(task_path=tasks.look_up.module_path, args_kwargs__args__1=user.email)
    )
    # The conditions of the two indexes: most mails of the queue were sent.
    is_not_sent = Q(status=TaskResultStatus.READY) | Q(
        status__in=[TaskResultStatus.RUNNING, TaskResultStatus.FAILED]
    )
    return Mail.objects.filter(is_not_sent, of_user).order_by("enqueued_at")
