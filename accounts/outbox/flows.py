"""Put a mail into the queue, in the transaction that it tells about."""

from datetime import timedelta
from typing import Any, NamedTuple

from django.db.models import Q
from django.utils import timezone
from django_tasks.base import TaskResultStatus

from accounts.actors.actor import Actor
from accounts.errors import TooManyAttempts
from accounts.events.models import Event, Name
from accounts.links.models import Link, Purpose
from accounts.outbox import tasks
from accounts.outbox.models import Attempts, Mail, MailQuerySet
from accounts.throttling import flows as throttling
from accounts.throttling.limits import Limit, limit, network_limits
from accounts.users.models import User

NOTICE = "notice"  # What is no link counts apart from them.
LATE = timedelta(minutes=5)  # Older than this, a mail that waits says that something is wrong.
# So many mails given up with none sent between them: it is not one mistyped address any more.
MANY_FAILED = 3


class Backlog(NamedTuple):
    """What is neither sent nor given up, and how many were given up since one was sent."""

    number: int
    oldest: Mail | None
    failed_in_a_row: int

    @property
    def seconds(self) -> float:
        """Return how long ago the oldest mail was queued, tried since or not."""
        return (timezone.now() - self.oldest.enqueued_at).total_seconds() if self.oldest else 0.0

    @property
    def is_late(self) -> bool:
        return self.seconds >= LATE.total_seconds()

    @property
    def is_refused(self) -> bool:
        return self.failed_in_a_row >= MANY_FAILED


def backlog() -> Backlog:
    waiting = Mail.objects.waiting()
    oldest = waiting.order_by("enqueued_at").first()
    return Backlog(waiting.count(), oldest, Attempts.objects.total().failed_in_a_row)


def notify(template: str, user: User, actor: Actor, **context: Any) -> None:
    """Tell somebody what happened to the account, at the address that is stored.

    One that nobody proved may be a stranger's, so what goes there has a limit: the rest is left
    out silently.
    """
    if user.email_verified or may_notify(user, actor):
        known = {"email": user.email, "user_id": user.pk, **context}
        tasks.send.enqueue(template, actor.language, user.email, known)


def may_notify(user: User, actor: Actor) -> bool:
    """Return whether one more notice may go to an address that nobody proved, and count it."""

    def report(limit_name: str) -> None:
        Event.objects.record(Name.LIMIT_REACHED, actor, user.pk, limit=limit_name)

    return is_within(NOTICE, user.email, report)


def send_link(
    user: User,
    purpose: Purpose,
    actor: Actor,
    email: str | None = None,
    template: str | None = None,
) -> Link:
    """Queue a link; an earlier one of the purpose is void from now on, but for a reset.

    It goes to the user's own address, or to another one that is to be proven, in the words of the
    template or of its purpose. Call it in a transaction that has locked or made the user.
    """
    link = tasks.replace(user, purpose, email or user.email)
    words = template or tasks.TEMPLATES[purpose]
    tasks.send_link.enqueue(link.pk, actor.language, words)
    return link


def ask(purpose: Purpose, email: str, actor: Actor) -> None:
    """Queue a link for the owner of this address, the same for every address.

    The worker looks it up, so neither the answer nor its time tells who has an account. Raises
    TooManyAttempts for a network; one address's limit is kept silently.
    """
    email = User.objects.normalize_email(email)
    if may_send(purpose, email, actor):
        tasks.look_up.enqueue(purpose, email, list(actor))


def may_send(purpose: Purpose, email: str, actor: Actor) -> bool:
    """Return whether one more mail of this purpose may go to this address, and count it.

    Each purpose has a counter of its own, so that nobody uses up another person's links to set a
    new password by asking for something else. Raises TooManyAttempts if the network asked for too
    many.
    """

    def report(limit_name: str) -> None:
        Event.objects.record(Name.LIMIT_REACHED, actor, limit=limit_name)

    throttling.take(network_limits("MAIL_RATE_NETWORK", actor.network), report)
    return is_within(purpose, email, report)


def is_within(purpose: str, email: str, report: throttling.Report) -> bool:
    """Count one mail of this purpose to the address, unless its limit is reached; say which."""
    try:
        throttling.take([limit("MAIL_RATE_ACCOUNT", purpose, email)], report)
    except TooManyAttempts:
        return False
    return True


def quotas(email: str) -> list[Limit]:
    """Return what mails to the address count against, of every purpose."""
    return [limit("MAIL_RATE_ACCOUNT", purpose, email) for purpose in (*Purpose.values, NOTICE)]


def unsent(user: User) -> MailQuerySet:
    """Select what waits to be sent to the user, or could not be.

    No row names a person for an index, so every mail that is not sent is looked at. A link that is
    void by now is not found any more; nor is anything to an address that is another's by now.
    """
    links = list(user.links.values_list("pk", flat=True))
    of_user = (
        Q(task_path=tasks.send.module_path, args_kwargs__args__2=user.email)
        | Q(task_path=tasks.send_link.module_path, args_kwargs__args__0__in=links)
        | Q(task_path=tasks.look_up.module_path, args_kwargs__args__1=user.email)
    )
    # In the two conditions of the indexes: most of the queue was sent.
    is_not_sent = Q(status=TaskResultStatus.READY) | Q(
        status__in=[TaskResultStatus.RUNNING, TaskResultStatus.FAILED]
    )
    return Mail.objects.filter(is_not_sent, of_user).order_by("enqueued_at")
