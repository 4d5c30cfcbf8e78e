"""Operators see that mail fails, and nothing about its recipient."""

import logging
import re
import smtplib
from contextlib import suppress
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.actors.actor import Actor
from accounts.links.models import Link
from accounts.outbox import flows
from accounts.outbox.models import Attempts, Mail, State
from accounts.outbox.sender import cleaned, is_final, reason
from accounts.outbox.tests.test_send_what_is_queued import FORGOT, send_due, wait_no_longer
from accounts.tests.test_keep_secrets import dump

MINUTES = timedelta(minutes=6)
pytestmark = pytest.mark.django_db(transaction=True)

REFUSALS = [
    ("RCPT", "550 5.1.1 no such user", State.FAILED),
    ("RCPT", "550 no", State.FAILED),
    ("RCPT", "552 5.2.2 mailbox full", State.FAILED),
    ("RCPT", "451 4.7.1 come back later", State.DELAYED),
    ("RCPT", "421 4.3.2 closing down", State.DELAYED),
    # Errors about our own setup, which an operator can mend.
    ("RCPT", "554 5.7.1 Relay access denied", State.DELAYED),
    ("RCPT", "553 5.1.8 Sender address rejected", State.DELAYED),
    ("MAIL", "550 5.7.1 you may not send", State.DELAYED),
    ("MAIL", "550 no", State.DELAYED),
    ("AUTH", "535 5.7.8 wrong credentials", State.DELAYED),
    ("DATA", "554 5.7.1 looks like spam", State.DELAYED),
    ("DATA", "451 4.3.0 try again", State.DELAYED),
]


def attempts() -> dict[str, int]:
    return Attempts.objects.values("sent", "delayed", "failed").get()


@pytest.fixture
def metrics(client, settings):
    settings.METRICS_TOKEN = "token"

    def metrics() -> dict[str, float]:
        answer = client.get("/metrics", headers={"Authorization": "Bearer token"})
        assert answer.status_code == 200
        lines = re.findall("^(mail.*) (.*)$", answer.content.decode(), re.MULTILINE)
        return {name: float(value) for name, value in lines}

    return metrics


def doctor() -> tuple[bool, str]:
    """Return whether the queue is well, and the doctor's sentence about it."""
    said = StringIO()
    with suppress(CommandError):
        call_command("doctor", "--no-color", stdout=said)
    lines = [line for line in said.getvalue().splitlines() if re.search("Mails |No mail ", line)]
    return not any(line.startswith("WRONG") for line in lines), "\n".join(lines)


def is_well(client) -> bool:
    return client.get("/api/health/ready").json()["checks"]["mail"]


@pytest.mark.parametrize(("step", "answer", "state"), REFUSALS)
def test_only_a_refusal_of_the_recipient_is_final(refusing, server, caplog, step, answer, state):
    mail = refusing(step, answer)

    assert (mail.state, mail.last_error, mail.attempts) == (state, answer, 1)
    assert (mail.finished_at is None) is (state == State.DELAYED)
    assert attempts() == {"sent": 0, "delayed": 0, "failed": 0} | {state.value: 1}
    (line,) = [record for record in caplog.records if record.name == "accounts.outbox.sender"]
    assert line.levelno == (logging.ERROR if state == State.FAILED else logging.WARNING)
    assert (line.task_id, line.smtp_code, line.attempts) == (str(mail.pk), int(answer[:3]), 1)
    assert line.getMessage() == (
        f"mail_{state} task_id={mail.pk} attempts=1"
        f" error={mail.exception_class_path} smtp_code={answer[:3]}"
    )

    server.answers.clear()
    wait_no_longer()
    send_due()
    assert len(server.received) == (state == State.DELAYED)


@pytest.mark.parametrize("step", ["RCPT", "DATA"])
def test_neither_the_error_nor_the_log_names_the_recipient(refusing, user, caplog, step):
    mail = refusing(
        step, "550 5.1.1 <{address}>: no {address} here; see https://x.test/?a={address}"
    )

    assert mail.last_error == "550 5.1.1 <…> no <…> here; see <…>"
    assert user.email not in mail.traceback
    ours = [vars(record) for record in caplog.records if record.name != "mail.log"]
    assert [line["smtp_code"] for line in ours] == [550]
    assert user.email not in str(ours)


def test_the_mailbox_without_its_domain_is_removed_from_errors(refusing):
    assert refusing("RCPT", "550 User 'TEST' unknown").last_error == "550 User <…> unknown"


def test_a_server_that_quotes_the_link_gives_no_secret_away(client, user, server):
    secret = "a" * 43
    server.answers = {"DATA": f"554 https://app.test/reset-password#token={secret} is listed"}
    client.post(FORGOT, {"email": user.email})
    send_due()

    assert Mail.objects.latest("enqueued_at").last_error == "554 <…> is listed"
    assert secret not in dump()


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("no\r\nsuch\tuser\x1b[31m \u202eresu", "no such user [31m resu"),
        ("x " * 1000, ("x " * 150)),
        ("a%40b.example, a@b.example and <a@b.example>.", "<…> <…> and <…>"),
    ],
)
def test_the_words_of_a_server_are_one_short_line_without_addresses(said, kept):
    assert cleaned(said) == kept


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            smtplib.SMTPServerDisconnected("Connection lost"),
            "SMTPServerDisconnected: Connection lost",
        ),
        (
            OSError(28, "No space left on device", "/mails/a@b.example"),
            "OSError: No space left on device",
        ),
        (smtplib.SMTPDataError(550, "no b\xfccher"), "550 no bücher"),
        (
            smtplib.SMTPSenderRefused(550, b"no \xff", "a@b.example"),
            "550 no \N{REPLACEMENT CHARACTER}",
        ),
        (smtplib.SMTPDataError(554, b""), "554"),
        (ValueError("a@b.example is odd"), "ValueError"),
    ],
)
def test_an_error_is_reported_without_personal_data(error, said):
    assert reason(error) == said
    assert not is_final(error)


@pytest.mark.parametrize(
    ("step", "answer"),
    [(step, answer) for step, answer, state in REFUSALS if state == State.DELAYED] + [("away", "")],
)
def test_a_server_that_accepts_no_mail_shows_within_minutes(
    refusing, metrics, client, step, answer
):
    refusing(step, answer)
    said = answer or "ConnectionRefusedError: Connection refused"

    assert metrics()["mails_due"] == 1
    assert metrics()['mail_attempts_total{outcome="delayed"}'] == 1
    assert is_well(client)
    well, words = doctor()
    assert well
    assert words.endswith(f"UTC. Its last error: {said}.")

    Mail.objects.update(enqueued_at=timezone.now() - MINUTES)
    assert 360 <= metrics()["mails_due_seconds"] < 420
    assert not is_well(client)
    well, words = doctor()
    assert not well
    assert "WRONG Mails that wait: 1, the oldest since " in words


def test_a_server_that_refuses_every_recipient_shows_at_once(refusing, metrics, client):
    for number in range(3):
        assert is_well(client)
        assert doctor()[0]
        refusing("RCPT", "550 5.1.1 no such user <{address}>")
        assert metrics()['mail_attempts_total{outcome="failed"}'] == number + 1

    assert not is_well(client)
    assert doctor() == (
        False,
        (
            "ok    No mail waits to be sent.\n"
            "WRONG Mails given up since one was last sent: 3."
            " The last error: 550 5.1.1 no such user <…>."
        ),
    )
    assert metrics()["mails_due"] == 0

    refusing("", "")  # It takes one again.
    assert is_well(client)
    assert doctor() == (True, "ok    No mail waits to be sent.")
    assert attempts() == {"sent": 1, "delayed": 0, "failed": 3}


def test_the_doctor_repeats_how_the_server_refuses_a_login(refusing, capsys):
    refusing("AUTH", "535 5.7.8 wrong credentials")

    with pytest.raises(CommandError):
        call_command("doctor", "--no-color")

    said = "WRONG Mail cannot go to 127.0.0.1: 535 5.7.8 wrong credentials.\n"
    assert said in capsys.readouterr().out


def test_every_outcome_is_there_before_the_first_attempt(metrics):
    assert metrics() == {
        "mails_due": 0,
        "mails_due_seconds": 0,
        'mail_attempts_total{outcome="sent"}': 0,
        'mail_attempts_total{outcome="delayed"}': 0,
        'mail_attempts_total{outcome="failed"}': 0,
    }


def test_only_sent_mails_are_counted_as_sent(client, user, server):
    client.post(FORGOT, {"email": "nobody@example.com"})  # A look-up without a mail.
    client.post(FORGOT, {"email": user.email})
    send_due()
    assert attempts()["sent"] == 1

    flows.send_link(user, "reset-password", Actor())
    Link.objects.all().delete()
    send_due()
    assert attempts() == {"sent": 1, "delayed": 0, "failed": 0}


def test_a_mail_that_is_being_sent_is_not_sent_yet(user):
    flows.notify("password_changed", user, Actor())
    Mail.objects.get().claim("worker")
    Mail.objects.update(enqueued_at=timezone.now() - MINUTES)

    assert flows.backlog().number == 1
    assert flows.backlog().is_late


def test_counts_outlive_the_mails(refusing, client):
    refusing("RCPT", "550 no")
    Mail.objects.update(finished_at=timezone.now() - timedelta(days=8))
    call_command("purge", stdout=StringIO())

    assert not Mail.objects.exists()
    assert attempts() == {"sent": 0, "delayed": 0, "failed": 1}
    assert doctor()[1].endswith("Mails given up since one was last sent: 1.")


@pytest.mark.postgresql
def test_workers_that_count_at_once_lose_no_attempt(race):
    race(*[lambda: Attempts.objects.count_one("failed")] * 8)

    assert attempts() == {"sent": 0, "delayed": 0, "failed": 8}
    assert Attempts.objects.get().failed_in_a_row == 8
