"""A mail in the queue, what came of every attempt to send one, and the links in mails."""

import secrets
from datetime import timedelta
from hashlib import sha256
from typing import Any, cast

from django.conf import settings
from django.db import models
from django.db.models import Case, F, When
from django.utils import timezone
from django.utils.functional import cached_property
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from accounts.errors import LinkNotValid
from accounts.users.models import User


class Purpose(models.TextChoices):
    """What a link is for; its value is also the last part of the link's address."""

    VERIFY = "verify-email"
    RESET = "reset-password"
    CHANGE = "confirm-email-change"
    UNDO = "undo-email-change"


LIFETIMES = {
    Purpose.VERIFY: timedelta(hours=24),
    Purpose.RESET: timedelta(minutes=60),
    Purpose.CHANGE: timedelta(hours=24),
    Purpose.UNDO: timedelta(days=7),
}


def digest(token: str) -> str:
    """Return what is stored of a token: with 256 random bits it needs no salt and no cost."""
    return sha256(token.encode()).hexdigest()


class LinkQuerySet(models.QuerySet["Link"]):
    def live(self) -> "LinkQuerySet":
        """Select what has neither expired nor been used.

        The first is in a form which no index serves: links are found by their digest or their
        address. With statistics of a quiet hour PostgreSQL would look through every live one
        instead.
        """
        in_time = When(expires_at__gt=timezone.now(), then=True)
        is_in_time = Case(in_time, default=False, output_field=models.BooleanField())
        return self.filter(is_in_time, used_at=None)

    def revocable(self) -> "LinkQuerySet":
        """Select all but those that undo a change of address, and what has been used.

        Whoever took an account over could end those by changing the address once more.
        """
        return self.filter(used_at=None).exclude(purpose=Purpose.UNDO)

    def present(self, token: str, purpose: Purpose) -> "Link":
        """Return the link that somebody followed. Raises LinkNotValid."""
        found = self.live().filter(digest=digest(token), purpose=purpose)
        link = found.select_related("user").first()
        if link is None or not link.fits(link.user):
            raise LinkNotValid
        return link

    def has_verified(self, token: str) -> bool:
        """Return whether the address that this link verified is its account's still, and is so."""
        used = self.filter(digest=digest(token), purpose=Purpose.VERIFY, used_at__isnull=False)
        now = {"user__email": F("email"), "user__email_verified_at__isnull": False}
        return used.filter(**now).exists()


class Link(models.Model):
    """Permission to do one thing once, for whoever reads the mailbox of ``email``.

    The secret is made when the mail is sent, and only its digest is kept: neither the queue of
    mails nor a stolen dump opens anything. One that has verified an address is kept until it is
    purged, to say so when it is followed again; any other is deleted when it is used.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="links")
    purpose = models.CharField(max_length=20)
    email = models.EmailField(db_index=True)
    digest = models.CharField(max_length=64, unique=True, null=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    objects = LinkQuerySet.as_manager()

    class Meta:
        db_table = "links"

    def __str__(self) -> str:
        return f"{self.purpose} for user {self.user_id}"

    def renew(self) -> str | None:
        """Return a new secret for the link, or None if it is dead; an earlier one is void."""
        token = secrets.token_urlsafe(32)
        expires_at = timezone.now() + LIFETIMES[Purpose(self.purpose)]
        links = type(self).objects.filter(pk=self.pk, used_at=None)
        return token if links.update(digest=digest(token), expires_at=expires_at) else None

    def fits(self, user: User) -> bool:
        """Return whether the user, as the row is now, may still do what the link is for."""
        if self.purpose in (Purpose.VERIFY, Purpose.RESET) and self.email != user.email:
            return False
        return user.is_active or self.purpose not in (Purpose.RESET, Purpose.CHANGE)

    def consume(self) -> User:
        """Use the link up and return its user, whose row is locked. Call it in a transaction.

        However many come at once, one is served. Raises LinkNotValid.
        """
        # The user is locked first, as everywhere, so that no two requests wait in a circle.
        user = User.objects.select_for_update().filter(pk=self.user_id).first()
        if user is None or not self.fits(user) or not self.use_up():
            raise LinkNotValid
        return user

    def use_up(self) -> bool:
        """Mark or delete the link, if it still lives; say whether it did: a compare-and-swap."""
        links = type(self).objects.live().filter(pk=self.pk, digest=self.digest)
        if self.purpose == Purpose.VERIFY:
            return links.update(used_at=timezone.now()) == 1
        return links.delete()[0] == 1


class State(models.TextChoices):
    """What has become of a mail so far."""

    NEW = "new", "not tried yet"
    DELAYED = "delayed", "will be tried again"
    RUNNING = "running", "being sent"
    FAILED = "failed", "failed"
    SUCCESSFUL = "successful", "done"


class MailQuerySet(models.QuerySet["Mail"]):
    def waiting(self) -> "MailQuerySet":
        """Select what is neither sent nor given up, in the form of the index ``queue_waiting``."""
        return self.filter(status__in=(TaskResultStatus.READY, TaskResultStatus.RUNNING))

    def in_state(self, state: State) -> "MailQuerySet":
        ready = self.filter(status=TaskResultStatus.READY)
        if state == State.NEW:
            return ready.filter(worker_ids=[])
        if state == State.DELAYED:
            return ready.exclude(worker_ids=[])
        return self.filter(status=state.upper())


class Mail(DBTaskResult):
    """A task of the queue: to send one mail, or to look up who is to get one."""

    objects = MailQuerySet.as_manager()  # type: ignore[assignment, misc]

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = "mail"

    def __str__(self) -> str:
        return f"{self.kind}, {self.enqueued_at:%Y-%m-%d %H:%M:%S} UTC"

    @property
    def args(self) -> list[Any]:
        return cast("list[Any]", self.args_kwargs["args"])

    @property
    def link_id(self) -> int | None:
        return self.args[0] if self.task_path.endswith(".send_link") else None

    @cached_property
    def link(self) -> "Link | None":
        """The link that the mail carries, unless it was used, replaced or purged."""
        return Link.objects.filter(pk=self.link_id).first() if self.link_id else None

    @property
    def kind(self) -> str:
        """What the mail is, without whose it is."""
        if self.link_id:
            return f"link: {self.link.purpose if self.link else 'used or void by now'}"
        kind = "request" if self.task_path.endswith(".look_up") else "notice"
        return f"{kind}: {self.args[0]}"

    @property
    def user_id(self) -> int | None:
        """Whose mail it is; a request that waits has not been looked up yet."""
        if self.link_id:
            return self.link.user_id if self.link else None
        return self.args[3].get("user_id") if self.task_path.endswith(".send") else None

    @property
    def attempts(self) -> int:
        return len(self.worker_ids)

    @property
    def state(self) -> State:
        if self.status == TaskResultStatus.READY:
            return State.DELAYED if self.attempts else State.NEW
        return State(self.status.lower())

    @property
    def last_error(self) -> str:
        """Why the last attempt failed, mostly in the mail server's words; without the recipient."""
        return self.traceback.rpartition("\n")[2]


class Outcome(models.TextChoices):
    """What came of an attempt to send a mail, or to look up who is to get it."""

    SENT = "sent"
    DELAYED = "delayed"
    FAILED = "failed"


class AttemptsQuerySet(models.QuerySet["Attempts"]):
    def count_one(self, outcome: Outcome) -> None:
        """Count an attempt; any number of workers may do so at once."""
        changes: dict[str, Any] = {outcome: F(outcome) + 1}
        if outcome == Outcome.SENT:
            changes["failed_in_a_row"] = 0
        elif outcome == Outcome.FAILED:
            changes["failed_in_a_row"] = F("failed_in_a_row") + 1
        if not self.update(**changes):
            self.get_or_create(pk=1)
            self.update(**changes)

    def total(self) -> "Attempts":
        return self.first() or Attempts()


class Attempts(models.Model):
    """What came of all attempts of all workers: one row, which outlives the mails."""

    sent = models.PositiveBigIntegerField(default=0)
    delayed = models.PositiveBigIntegerField(default=0)
    failed = models.PositiveBigIntegerField(default=0)
    failed_in_a_row = models.PositiveBigIntegerField(default=0)

    objects = AttemptsQuerySet.as_manager()

    class Meta:
        db_table = "mail_attempts"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.sent} sent, {self.delayed} delayed, {self.failed} failed"
