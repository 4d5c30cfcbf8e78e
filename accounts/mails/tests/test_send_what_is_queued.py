"""The queue against a real mail server with faults: nothing is lost, nothing is sent twice."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from aiosmtpd.controller import Controller
from django.core.mail.backends.smtp import EmailBackend
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts.clients.client import Client
from accounts.mails import flows, sender
from accounts.mails.models import Link, Purpose
from accounts.mails.sender import Sender, pause_after, recover
from accounts.tests.test_keep_secrets import dump
from accounts.users.models import User

ROOT = Path(__file__).parent.parent.parent.parent
FORGOT = "/api/v1/auth/forgot-password"
RESET = "/api/v1/auth/reset-password"
pytestmark = pytest.mark.django_db(transaction=True)


class Server:
    """A mail server on a port of its own, that can refuse for now, hang, or be away."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.received: list[tuple[str, str]] = []
        self.answer: str | None = None
        self.controller: Controller | None = None

    async def handle_DATA(self, server, session, envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        if self.answer:
            return self.answer
        self.received.append((envelope.rcpt_tos[0], envelope.content.decode()))
        return "250 OK"

    def start(self) -> None:
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self.controller.start()

    def stop(self) -> None:
        if self.controller:
            self.controller.stop()
            self.controller = None


@pytest.fixture
def server(settings):
    """A running mail server, to which the service sends."""
    server = Server()
    server.start()
    settings.EMAIL_BACKEND = f"{EmailBackend.__module__}.{EmailBackend.__name__}"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_TIMEOUT = 0.5
    yield server
    server.stop()


def send_due() -> None:
    Sender().run()


def wait_no_longer() -> None:
    """Let what waits for its next attempt be due now."""
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
def test_what_the_server_did_not_take_goes_out_when_it_does(client, user, server, fault):
    if fault == "away":
        server.stop()
    else:
        server.answer = fault
    assert client.post(FORGOT, {"email": user.email}).status_code == 202
    for _ in range(3):
        send_due()
        wait_no_longer()
    assert server.received == []
    assert client.post("/api/v1/auth/signin", {"email": "x", "password": "x"}).status_code == 401

    server.answer = None
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
    assert "mail_failed attempts=2 error=builtins.ConnectionRefusedError" in caplog.text


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


def test_what_is_rolled_back_is_not_sent(user, server):
    with transaction.atomic():
        flows.notify("password_changed", user, Client())
        transaction.set_rollback(True)

    send_due()

    assert server.received == []


def test_what_a_killed_worker_left_goes_out_after_five_minutes(client, user, server):
    client.post(FORGOT, {"email": user.email})
    send_due()
    server.received.clear()
    claimed = DBTaskResult.objects.filter(task_path__endswith="send_link")
    claimed.update(status="RUNNING", started_at=timezone.now() - timedelta(minutes=4))
    assert recover() == 0
    claimed.update(started_at=timezone.now() - timedelta(minutes=6))

    assert recover() == 1
    send_due()

    assert len(server.received) == 1


def test_what_failed_just_before_a_worker_was_killed_goes_out_too(client, user, server):
    client.post(FORGOT, {"email": user.email})
    just = timezone.now() - timedelta(minutes=6)
    DBTaskResult.objects.update(status="FAILED", finished_at=just)

    assert recover() == 1
    send_due()

    assert len(server.received) == 1


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


def environment(server: Server) -> dict[str, str]:
    database = connection.settings_dict
    url = f"sqlite:///{database['NAME']}"
    if connection.vendor == "postgresql":
        place = f"{database['HOST']}:{database['PORT'] or 5432}/{database['NAME']}"
        url = f"postgres://{database['USER']}:{database['PASSWORD']}@{place}"
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": url,
        "EMAIL_URL": f"smtp://127.0.0.1:{server.port}",
        "PYTHON_DOTENV_DISABLED": "1",
    }


def start_worker(server: Server, *arguments: str) -> subprocess.Popen:
    command = [sys.executable, "manage.py", "worker", *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environment(server))


@pytest.mark.postgresql
def test_four_workers_send_60_mails_once_each(server, user):
    for number in range(60):
        person = User(email=f"person{number}@example.com")
        flows.notify("password_changed", person, Client())

    workers = [start_worker(server, "--once") for _ in range(4)]
    assert [worker.wait(timeout=120) for worker in workers] == [0] * 4

    assert sorted(to for to, _ in server.received) == sorted(
        f"person{number}@example.com" for number in range(60)
    )


@pytest.mark.postgresql
def test_a_worker_that_is_killed_while_it_sends_loses_nothing(server, user):
    """The server took the mail, and never said so: it comes again, rather than never."""
    silent = socket.create_server(("127.0.0.1", 0))
    hanging = Server()
    hanging.port = silent.getsockname()[1]
    flows.notify("password_changed", user, Client())

    worker = start_worker(hanging)
    silent.settimeout(60)
    taken, _ = silent.accept()
    assert DBTaskResult.objects.get().status == "RUNNING"
    worker.send_signal(signal.SIGKILL)
    worker.wait(timeout=30)
    taken.close()
    silent.close()
    DBTaskResult.objects.update(started_at=timezone.now() - timedelta(minutes=6))
    another = start_worker(server)

    deadline = time.monotonic() + 60
    while not server.received and time.monotonic() < deadline:
        time.sleep(0.1)
    another.send_signal(signal.SIGTERM)
    assert another.wait(timeout=30) == 0
    assert [to for to, _ in server.received] == [user.email]
    assert DBTaskResult.objects.get().status == "SUCCESSFUL"


@pytest.mark.postgresql
def test_links_of_one_person_asked_for_at_once_leave_one_that_works(race, client, user, server):
    race(*[lambda: client.post(FORGOT, {"email": user.email}).status_code] * 4)
    race(*[send_due] * 4)
    send_due()

    assert Link.objects.filter(purpose=Purpose.RESET).count() == 1
    tokens = [re.findall(r"#token=([\w-]{43})", mail)[0] for _, mail in server.received]
    body = {"password": "newpassword123"}
    statuses = [client.post(RESET, {"token": token, **body}).status_code for token in tokens]
    assert statuses.count(200) == 1
