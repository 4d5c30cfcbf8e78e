"""Workers as an operator runs them: many, killed, and started anew."""

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
from django.db import connection
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts.actors.actor import Actor
from accounts.links.models import Link, Purpose
from accounts.outbox import flows
from accounts.outbox.models import Attempts
from accounts.outbox.tests.conftest import Server
from accounts.outbox.tests.test_send_what_is_queued import FORGOT, RESET, send_due
from accounts.users.models import User

ROOT = Path(__file__).parent.parent.parent.parent
pytestmark = pytest.mark.django_db(transaction=True)


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
        flows.notify("password_changed", person, Actor())

    workers = [start_worker(server, "--once") for _ in range(4)]
    assert [worker.wait(timeout=120) for worker in workers] == [0] * 4

    assert sorted(to for to, _ in server.received) == sorted(
        f"person{number}@example.com" for number in range(60)
    )
    assert Attempts.objects.values_list("sent", "delayed", "failed").get() == (60, 0, 0)


@pytest.mark.postgresql
def test_a_worker_that_is_killed_while_it_sends_loses_nothing(server, user):
    """The server accepted the mail and never said so: it is sent again rather than lost."""
    silent = socket.create_server(("127.0.0.1", 0))
    hanging = Server()
    hanging.port = silent.getsockname()[1]
    flows.notify("password_changed", user, Actor())

    worker = start_worker(hanging)
    silent.settimeout(60)
    taken, _ = silent.accept()
    assert DBTaskResult.objects.get().status == "RUNNING"
    worker.send_signal(signal.SIGKILL)
    worker.wait(timeout=30)
    taken.close()
    silent.close()
    DBTaskResult.objects.update(started_at=timezone.now() - timedelta(minutes=16))
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
