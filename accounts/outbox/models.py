"""A mail in the queue, and the results of all attempts to send mails."""

from typing import Any, cast

from django.db import models
from django.db.models import F
from django.utils.functional import cached_property
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from accounts.links.models import Link


class State(models.TextChoices):
    NEW = "new", "not tried yet"
    DELAYED = "delayed", "will be tried again"
    RUNNING = "running", "being sent"
    FAILED = "failed", "failed"
    SUCCESSFUL = "successful", "done"


class MailQuerySet(models.QuerySet["Mail"]):
    def waiting(self) -> "MailQuerySet":
        """Select mails neither sent nor given up, as the index ``queue_waiting`` does."""
        return self.filter(status__in=(TaskResultStatus.READY, TaskResultStatus.RUNNING))

    def in_state(self, state: State) -> "MailQuerySet":
        ready = self.filter(status=TaskResultStatus.READY)
        if state == State.NEW:
            return ready.filter(worker_ids=[])
        if state == State.DELAYED:
            return ready.exclude(worker_ids=[])
        return self.filter(status=state.upper())


class Mail(DBTaskResult):
    """A task of the queue: to send one mail, or to look up the account for one."""

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
    def link(self) -> Link | None:
        """The link in the mail, unless it was used, replaced or purged."""
        return Link.objects.filter(pk=self.link_id).first() if self.link_id else None

    @property
    def kind(self) -> str:
        """What the mail is about, without its recipient."""
        if self.link_id:
            return f"link: {self.link.purpose if self.link else 'used or void by now'}"
        kind = "request" if self.task_path.endswith(".look_up") else "notice"
        return f"{kind}: {self.args[0]}"

    @property
    def user_id(self) -> int | None:
        """The user's id, or None before a request is looked up."""
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
        """The last attempt's error, mostly in the mail server's words, without the recipient."""
        return self.traceback.rpartition("\n")[2]


class Outcome(models.TextChoices):
    SENT = "sent"
    DELAYED = "delayed"
    FAILED = "failed"


class AttemptsQuerySet(models.QuerySet["Attempts"]):
    def count_one(self, outcome: Outcome) -> None:
        """Count an attempt. Any number of workers may do so at once."""
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
    """The results of all attempts of all workers: one row, which outlives the mails."""

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
