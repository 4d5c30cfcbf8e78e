"""The worker that sends what is queued; any number of them may run at once."""

import logging
import time
from datetime import timedelta
from functools import partial
from traceback import format_exception

from django.db import Error, connections
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
RECOVERY_PAUSE = 60.0  # Seconds between two looks at the whole queue, for which it has no index.


def pause_after(attempts: int) -> timedelta:
    """Return how long a mail waits after so many failures: 10 s at first, 15 min at most."""
    return timedelta(seconds=min(10 * 2 ** (attempts - 1), 15 * 60))


def recover() -> int:
    """Queue again what a worker had claimed when it was killed, and return how many."""
    now = timezone.now()
    left = DBTaskResult.objects.running().filter(started_at__lt=now - ABANDONED_AFTER)
    return left.update(status=TaskResultStatus.READY, run_after=now)


def put_back(mail: DBTaskResult, error: BaseException) -> None:
    """Let a mail that failed wait for its next attempt, or give it up after a day.

    A worker that was stopped for longer than ``ABANDONED_AFTER`` changes nothing: another one has
    taken the mail over, and may have sent it.
    """
    attempts, now = len(mail.worker_ids), timezone.now()
    is_over = now - mail.enqueued_at >= GIVE_UP_AFTER
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    own = DBTaskResult.objects.running().filter(pk=mail.pk, worker_ids=mail.worker_ids)
    is_own = own.update(
        status=TaskResultStatus.FAILED if is_over else TaskResultStatus.READY,
        run_after=now + pause_after(attempts),
        finished_at=now,
        exception_class_path=name,
        traceback="".join(format_exception(error)),
    )
    if is_own and is_over:
        logger.error("mail_failed attempts=%s error=%s", attempts, name)
    elif is_own:
        logger.warning("mail_delayed attempts=%s error=%s", attempts, name)


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
        # The library would write FAILED over whatever another worker has made of the mail since,
        # and has no hook for it.
        db_task_result.set_failed = partial(put_back, db_task_result)
        super().run_task(db_task_result)

    def work(self) -> None:
        """Send for as long as the process runs, also after trouble with the database."""
        recovery_due = 0.0
        while self.running:
            try:
                if time.monotonic() >= recovery_due:
                    recover()
                    recovery_due = time.monotonic() + RECOVERY_PAUSE
                self.run()
            except Error as error:
                logger.warning("The database cannot be used: %s", type(error).__name__)
                connections.close_all()
            if self.running:
                time.sleep(PAUSE)
