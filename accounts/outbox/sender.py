"""The worker that sends queued mails; any number of them may run at once."""

import logging
import re
import time
from datetime import timedelta
from functools import partial
from smtplib import SMTPRecipientsRefused, SMTPResponseException
from traceback import format_tb
from typing import NamedTuple

from django.db import Error, connections
from django.utils import timezone
from django.utils.crypto import get_random_string
from django.utils.encoding import force_str
from django_tasks.base import TaskResultStatus
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult

from accounts.outbox.models import Attempts, Outcome

logger = logging.getLogger(__name__)

GIVE_UP_AFTER = timedelta(hours=24)
# Longer than any mail takes: the mail server has EMAIL_TIMEOUT for each of its 12 answers.
ABANDONED_AFTER = timedelta(minutes=15)
PAUSE = 1.0  # Seconds between two queries of an empty queue.
RECOVERY_PAUSE = 60.0  # Seconds between two queries of the whole queue, which has no index for it.

LONGEST = 300  # Characters of a mail server's words that are kept.
HIDDEN = "<…>"
AROUND = "<>()[]{}\"'`.,:;"  # Punctuation around a name in a sentence.
# Part of an email address, encoded or not; or text as long as the secret of a link.
PRIVATE = re.compile(r"@|%40|[\w-]{43}")
# Enhanced codes (RFC 3463) of a refusal that is about us: a policy, our login or our address.
# Many servers only refuse for these once they are given the recipient.
ABOUT_US = re.compile(r"5\.(7\.\d|1\.[78]\b)")


def pause_after(attempts: int) -> timedelta:
    """Return the wait after this number of failures: 10 s at first, 15 min at most."""
    return timedelta(seconds=min(10 * 2 ** (attempts - 1), 15 * 60))


def recover() -> int:
    """Queue mails again whose worker was killed; return their number."""
    now = timezone.now()
    left = DBTaskResult.objects.running().filter(started_at__lt=now - ABANDONED_AFTER)
    return left.update(status=TaskResultStatus.READY, run_after=now)


class Refusal(NamedTuple):
    """A mail server's answer: a code of three digits, and its words, cleaned."""

    code: int
    words: str


def refusal(error: BaseException) -> Refusal | None:
    """Return the mail server's refusal, if the error is one."""
    if isinstance(error, SMTPRecipientsRefused):  # A mail has one recipient.
        recipient, (code, words) = next(iter(error.recipients.items()))
        return Refusal(code, cleaned(force_str(words, errors="replace"), recipient))
    if isinstance(error, SMTPResponseException):
        return Refusal(error.smtp_code, cleaned(force_str(error.smtp_error, errors="replace")))
    return None


def cleaned(words: str, recipient: str = "") -> str:
    """Return the words as one short line, without email addresses and secrets of links."""
    printable = "".join(sign if sign.isprintable() else " " for sign in words)
    names = {recipient.casefold(), recipient.rpartition("@")[0].casefold()} - {""}
    shown = (
        HIDDEN if PRIVATE.search(word) or word.strip(AROUND).casefold() in names else word
        for word in printable.split()
    )
    return " ".join(shown)[:LONGEST]


def reason(error: BaseException) -> str:
    """Return why a mail was not sent, in the words of the mail server or of the network."""
    if refused := refusal(error):
        return f"{refused.code} {refused.words}".rstrip()
    kind = type(error).__name__
    if isinstance(error, OSError):  # Those of smtplib too.
        return f"{kind}: {cleaned(error.strerror or str(error))}"
    return kind  # The text of another error may hold anything.


def is_final(error: BaseException) -> bool:
    """Return whether the recipient was refused for good, so that another attempt is useless."""
    # Any other refusal is about us (login, sender, relaying, block lists) or the text (SPF, DKIM,
    # spam): an operator can mend that, and the mail is sent within the day.
    refused = refusal(error) if isinstance(error, SMTPRecipientsRefused) else None
    return bool(refused and 500 <= refused.code <= 599 and not ABOUT_US.match(refused.words))


def put_back(mail: DBTaskResult, error: BaseException) -> None:
    """Queue a failed mail for its next attempt, or give it up: at once or after a day."""
    # If this worker was stopped for longer than ``ABANDONED_AFTER``, another one has claimed the
    # mail, and may have sent it; then nothing changes.
    attempts, now = len(mail.worker_ids), timezone.now()
    is_over = is_final(error) or now - mail.enqueued_at >= GIVE_UP_AFTER
    own = DBTaskResult.objects.running().filter(pk=mail.pk, worker_ids=mail.worker_ids)
    is_own = own.update(
        status=TaskResultStatus.FAILED if is_over else TaskResultStatus.READY,
        run_after=now + pause_after(attempts),
        finished_at=now if is_over else None,
        exception_class_path=kind_of(error),
        # The frames are code without data; the error's own text may name the recipient.
        traceback="".join(format_tb(error.__traceback__)) + reason(error),
    )
    if is_own:
        report(mail, error, is_over=is_over)
        Attempts.objects.count_one(Outcome.FAILED if is_over else Outcome.DELAYED)


def kind_of(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def report(mail: DBTaskResult, error: BaseException, *, is_over: bool) -> None:
    """Log that a mail was delayed or failed, without its recipient."""
    refused = refusal(error)
    found = {
        "task_id": str(mail.pk),
        "attempts": len(mail.worker_ids),
        "error": kind_of(error),
        "smtp_code": refused.code if refused else None,
    }
    level, name = (logging.ERROR, "mail_failed") if is_over else (logging.WARNING, "mail_delayed")
    fields = " ".join(f"{key}={value}" for key, value in found.items())
    logger.log(level, "%s %s", name, fields, extra=found)


class Sender(Worker):
    """The worker of django-tasks, which also retries failed mails for a day."""

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
        # A node of the version before still queues mails under its own name of the room.
        path = db_task_result.task_path.replace("accounts.mails.", "accounts.outbox.")
        db_task_result.task_path = path
        # The library would overwrite the state that another worker has given the mail since, and
        # has no hook for it.
        db_task_result.set_failed = partial(put_back, db_task_result)
        super().run_task(db_task_result)
        # A look-up, or a link that is void by now, has sent nothing.
        if db_task_result.status == TaskResultStatus.SUCCESSFUL and db_task_result.return_value:
            Attempts.objects.count_one(Outcome.SENT)

    def work(self) -> None:
        """Send while the process runs, even after trouble with the database."""
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
