"""The queue of mails in the admin, to look at."""

from datetime import datetime

from django.contrib import admin
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from accounts.events.admin import ReadOnlyAdmin


class MailAdmin(ReadOnlyAdmin):
    """What waits, what was sent, and what could not be; no task holds a secret."""

    list_display = ("enqueued_at", "what", "status", "attempts", "next_attempt", "last_error")
    list_filter = ("status", "enqueued_at")
    ordering = ("-enqueued_at",)
    fields = readonly_fields = (
        "enqueued_at",
        "what",
        "status",
        "attempts",
        "started_at",
        "finished_at",
        "next_attempt",
        "last_error",
    )

    @admin.display(description="mail")
    def what(self, mail: DBTaskResult) -> str:
        """Return the task and which mail it is about; not to whom, who may be deleted."""
        args = mail.args_kwargs.get("args", [])
        return " ".join([mail.task_name, *(str(argument) for argument in args[:1])])

    @admin.display
    def attempts(self, mail: DBTaskResult) -> int:
        return len(mail.worker_ids)

    @admin.display(empty_value="")
    def next_attempt(self, mail: DBTaskResult) -> datetime | None:
        is_waiting = mail.status == TaskResultStatus.READY and mail.worker_ids
        return mail.run_after if is_waiting else None

    @admin.display(empty_value="")
    def last_error(self, mail: DBTaskResult) -> str:
        return str(mail.exception_class_path)
