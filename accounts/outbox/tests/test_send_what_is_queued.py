"""The queue against a real mail server with faults: nothing is lost, nothing is sent twice."""

import re
import socket
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.db import OperationalError, transaction
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts.actors.actor import Actor
from accounts.events.models import Event
from accounts.links.models import Link
from accounts.outbox import flows, sender
from accounts.outbox.sender import ABANDONED_AFTER, Sender, pause_after, recover
from accounts.outbox.tests.conftest import Server
from accounts.tests.test_keep_secrets import dump

FORGOT = "/api/v1/auth/forgot-password"
RESET = "/api/v1/auth/reset-password"
pytestmark = pytest.mark.django_db(transaction=True)


def send_due() -> None:
    Sender().run()


def wait_no_longer() -> None:
    """Make every waiting attempt due now."""
    DBTaskResult.objects.update(run_after=timezone.now())


def token_of(server: Server) -> str:
    return re.findall(r"#token=([\w-]{43})", server.received[-1][1])[0]


def test_a_mail_goes_out_once(client, user, server):
    assert client.post(FORGOT, {"email": user.email}).status_code == 202
    assert server.received == []

    send_due()
    send_due()

    ((to, content),) = server.received
    assert to == user.email
    assert "Subject: Set a new password" in content
    assert set(DBTaskResult.objects.values_list("status", flat=True)) == {"SUCCESSFUL"}


@pytest.mark.parametrize("fault", ["away", "451 Try again later", "554 No"])
def test_a_mail_that_was_refused_for_now_is_sent_later(client, user, server, fault):
    if fault == "away":
        server.stop()
    else:
        server.answers["DATA"] = fault
    assert client.post(FORGOT, {"email": user.email}).status_code == 202
    for _ in range(3):
        send_due()
        wait_no_longer()
    assert server.received == []
    assert client.post("/api/v1/auth/signin", {"email": "x", "password": "x"}).status_code == 401

    server.answers.clear()
    if fault == "away":
        server.start()
    send_due()
    send_due()

    assert len(server.received) == 1


def test_a_server_that_hangs_is_given_up_in_time(client, user, server, settings):
    client.post(FORGOT, {"email": user.email})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.EMAIL_PORT = silent.getsockname()[1]
        send_due()
    assert DBTaskResult.objects.get(task_path__endswith="send_link").status == "READY"

    settings.EMAIL_PORT = server.port
    wait_no_longer()
    send_due()

    assert len(server.received) == 1


def test_the_next_attempt_waits_longer_each_time(client, user, server):
    server.stop()
    client.post(FORGOT, {"email": user.email})
    send_due()

    waiting = DBTaskResult.objects.get(status="READY")
    assert timezone.now() < waiting.run_after < timezone.now() + timedelta(seconds=11)
    assert [pause_after(n).total_seconds() for n in (1, 2, 3, 7, 8, 500)] == [
        10,
        20,
        40,
        640,
        900,
        900,
    ]


def test_after_a_day_it_is_given_up_and_counted(client, user, server, caplog):
    server.stop()
    client.post(FORGOT, {"email": user.email})
    send_due()
    with time_machine.travel(timezone.now() + timedelta(hours=24, minutes=1), tick=False):
        send_due()
        for _ in range(3):
            recover()
            send_due()

    failed = DBTaskResult.objects.get(status="FAILED")
    assert len(failed.worker_ids) == 2
    assert f"mail_failed task_id={failed.pk} attempts=2" in caplog.text


def test_the_second_attempt_carries_the_token_that_works(client, user, server):
    client.post(FORGOT, {"email": user.email})
    send_due()
    first = token_of(server)
    DBTaskResult.objects.filter(task_path__endswith="send_link").update(status="READY")
    send_due()  # As after a worker that was killed before it could say that it was done.
    second = token_of(server)

    assert client.post(RESET, {"token": first, "password": "newpassword123"}).status_code == 400
    assert client.post(RESET, {"token": second, "password": "newpassword123"}).status_code == 200


def test_a_link_that_became_void_meanwhile_is_not_sent(client, member, user, server):
    member.post("/api/v1/users/me/change-email", {"new_email": "new@example.com"})
    body = {"current_password": "testpassword123", "new_password": "newpassword123"}
    member.post("/api/v1/users/me/change-password", body)

    send_due()

    assert [to for to, _ in server.received] == [user.email]
    assert not Link.objects.exists()


def test_neither_the_queue_nor_any_table_nor_the_log_holds_the_token(client, user, server, caplog):
    caplog.set_level("DEBUG")
    caplog.set_level("INFO", logger="mail.log")  # The server of this test.
    client.post(FORGOT, {"email": user.email})
    send_due()

    token = token_of(server)
    assert token not in dump()
    assert token not in caplog.text


def test_a_rolled_back_mail_is_not_sent(user, server):
    with transaction.atomic():
        flows.notify("password_changed", user, Actor())
        transaction.set_rollback(True)

    send_due()

    assert server.received == []


def test_a_slow_server_is_waited_for_and_never_longer_than_a_worker_is(settings):
    """Greeting, EHLO, STARTTLS, EHLO, AUTH, its two answers, MAIL, RCPT, DATA, the text, QUIT."""
    assert settings.EMAIL_TIMEOUT == 60
    assert timedelta(seconds=12 * settings.EMAIL_TIMEOUT) < ABANDONED_AFTER


def test_the_mail_of_a_killed_worker_is_sent_after_15_minutes(client, user, server):
    client.post(FORGOT, {"email": user.email})
    send_due()
    server.received.clear()
    claimed = DBTaskResult.objects.filter(task_path__endswith="send_link")
    claimed.update(status="RUNNING", started_at=timezone.now() - timedelta(minutes=14))
    assert recover() == 0
    claimed.update(started_at=timezone.now() - timedelta(minutes=16))

    assert recover() == 1
    send_due()

    assert len(server.received) == 1


@pytest.mark.parametrize("other", ["has sent", "is sending"])
def test_a_worker_that_was_replaced_changes_nothing(user, server, other):
    """A worker that was stopped for a while goes on with its old claim."""
    flows.notify("password_changed", user, Actor())
    mail = DBTaskResult.objects.get()
    mail.claim("stopped")
    DBTaskResult.objects.update(started_at=timezone.now() - timedelta(minutes=16))
    recover()
    if other == "has sent":
        send_due()
    else:
        DBTaskResult.objects.get().claim("another")
    before = DBTaskResult.objects.values().get()

    server.stop()
    Sender().run_task(mail)

    assert DBTaskResult.objects.values().get() == before


def test_a_link_that_a_mail_waits_with_is_not_purged(client, user, server):
    server.stop()
    client.post(FORGOT, {"email": user.email})
    send_due()
    with time_machine.travel(timezone.now() + timedelta(hours=23)):
        call_command("purge", stdout=StringIO())
        server.start()
        send_due()

        assert len(server.received) == 1
        body = {"token": token_of(server), "password": "newpassword123"}
        assert client.post(RESET, body).status_code == 200


def test_a_link_is_purged_a_day_after_it_ended(client, user, server):
    client.post(FORGOT, {"email": user.email})
    send_due()
    for hours, left in ((24.9, 1), (25.1, 0)):
        with time_machine.travel(timezone.now() + timedelta(hours=hours)):
            call_command("purge", stdout=StringIO())
        assert Link.objects.count() == left


def test_workers_look_for_abandoned_mails_once_a_minute(server, monkeypatch):
    worker, looks, recovered = Sender(), [], []

    def look() -> None:
        looks.append(1)
        worker.running = len(looks) < 5

    monkeypatch.setattr(worker, "run", look)
    monkeypatch.setattr(sender, "recover", lambda: recovered.append(1))
    monkeypatch.setattr(sender, "PAUSE", 0)
    worker.work()
    assert (len(looks), len(recovered)) == (5, 1)

    looks.clear()
    monkeypatch.setattr(sender, "RECOVERY_PAUSE", 0)
    worker.running = True
    worker.work()
    assert (len(looks), len(recovered)) == (5, 6)


def test_trouble_with_the_database_does_not_end_the_worker(monkeypatch, caplog):
    worker, looks = Sender(), []

    def look() -> int:
        looks.append(1)
        if len(looks) == 1:
            raise OperationalError("secret of the connection")
        worker.running = False
        return 0

    monkeypatch.setattr(sender, "recover", look)
    monkeypatch.setattr(sender, "PAUSE", 0)
    worker.work()

    assert len(looks) == 2
    assert "The database cannot be used: OperationalError" in caplog.text
    assert "secret" not in caplog.text


def test_a_mail_that_the_version_before_queued_goes_out(client, user, server):
    client.post(FORGOT, {"email": user.email}, headers={"User-Agent": "curl/8.0"})
    mail = DBTaskResult.objects.get()
    purpose, email, actor = mail.args_kwargs["args"]
    mail.task_path = "accounts.outbox.tasks.look_up"
    in_order = [actor[name] for name in Actor._fields]
    mail.args_kwargs["args"] = [purpose, email, in_order]
    mail.save()

    send_due()

    assert [to for to, _ in server.received] == [user.email]
    assert Event.objects.get(name="password_reset_requested").user_agent == "curl/8.0"


def test_a_mail_that_a_later_version_queued_goes_out(client, user, server):
    client.post(FORGOT, {"email": user.email})
    mail = DBTaskResult.objects.get()
    mail.args_kwargs["args"][2]["unknown_to_us"] = "value"
    mail.save()

    send_due()

    assert [to for to, _ in server.received] == [user.email]
