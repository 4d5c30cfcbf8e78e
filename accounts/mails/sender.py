"""The worker that sends what is queued; any number of them may run at once."""

import logging
import time
from datetime import timedelta

from django.db import Error, connections, models
from django.utils import timezone
from django.utils.crypto import get_random_string
from django_tasks.base import TaskResultStatus
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult

logger = logging.getLogger(__name__)

GIVE_UP_AFTER = timedelta(hours=24)
# Longer than any mail takes: the mail server has EMAIL_TIMEOUT for each of its 12 answers.
ABANDONED_AFTER = timedelta(minutes=15)
PAUSE = 1.0  # Seconds between two looks into an empty queue.


def pause_after(attempts: int) -> timedelta:
    """Return how long a mail waits after so many failures: 10 s at first, 15 min at most."""
    return timedelta(seconds=min(10 * 2 ** (attempts - 1), 15 * 60))


def recover() -> int:
    """Queue again what a worker left behind when it was killed, and return how many.

    That is what it had claimed, or had failed at and not yet queued again.
    """
    now = timezone.now()
    claimed = models.Q(status=TaskResultStatus.RUNNING, started_at__lt=now - ABANDONED_AFTER)
    failed = models.Q(
        status=TaskResultStatus.FAILED,
        finished_at__lt=now - ABANDONED_AFTER,
        enqueued_at__gt=now - GIVE_UP_AFTER,
    )
    left = DBTaskResult.objects.filter(claimed | failed)
    return left.update(status=TaskResultStatus.READY, run_after=now)


class Sender(Worker):
    """django-tasks' worker, except that it tries again what failed, for a day."""

    def __init__(self) -> None:
        super().__init__(
            queue_names=["default"],
            interval=PAUSE,
            batch=True,
            backend_name="default",
            startup_delay=False,
            max_tasks=None,
            worker_id=get_random_string(32),
            excluded_queue_names=[],
        )

    def run_task(self, db_task_result: DBTaskResult) -> None:
        super().run_task(db_task_result)
        if db_task_result.status != TaskResultStatus.FAILED:
            return
        attempts, now = len(db_task_result.worker_ids), timezone.now()
        error = db_task_result.exception_class_path
        if now - db_task_result.enqueued_at < GIVE_UP_AFTER:
            logger.warning("mail_delayed attempts=%s error=%s", attempts, error)
            DBTaskResult.objects.filter(pk=db_task_result.pk).update(
                status=TaskResultStatus.READY, run_after=now + pause_after(attempts)
            )
        else:
            logger.error("mail_failed attempts=%s error=%s", attempts, error)

    def work(self) -> None:
        """Send for as long as the process runs, also after trouble with the database."""
        while self.running:
            try:
                recover()
                self.run()
            except Error as error:
                logger.warning("The database cannot be used: %s", type(error).__name__)
                connections.close_all()
            if self.running:
                time.sleep(PAUSE)
