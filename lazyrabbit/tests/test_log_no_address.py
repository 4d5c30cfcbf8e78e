"""No log holds an email address, whatever failed; the error and its place stay."""

import io
import json
import logging
import os
import smtplib
import subprocess
import sys
import time
from http.client import IncompleteRead
from logging.config import DictConfigurator

import pytest
from django.http import StreamingHttpResponse
from django.urls import path
from rest_framework.views import APIView

from accounts.sessions.models import Session
from accounts.users.models import User
from lazyrabbit import urls
from lazyrabbit.logging import configuration, redacted
from lazyrabbit.tests.conftest import KEPT, ROOT

ANA = "ana@example.com"
NAME = "Ana Lovelace"


def assign(request, *args):
    """Quote the person: 'Cannot assign "<User: …>"'."""
    Session().user_id = User.objects.create(email=ANA).pk
    User().groups = User(email=ANA)


def collide(request, *args):
    """Quote the row, on PostgreSQL: 'Key (email)=(…) already exists.'"""
    User.objects.create(email=ANA)
    User.objects.create(email=ANA)


def break_a_rule(request, *args):
    """Quote all of the row, on PostgreSQL: 'Failing row contains (…).'"""
    User.objects.create(email=ANA.upper(), full_name=NAME)


def be_refused(request, *args):
    """Quote the recipient twice, in a chain of exceptions."""
    said = (550, f"5.1.1 <{ANA}>: unknown".encode())
    try:
        raise smtplib.SMTPRecipientsRefused({ANA: said})
    except smtplib.SMTPException as error:
        raise RuntimeError(f"A mail to {ANA} failed.") from error


def stream(request):
    """Fail after Django has finished and the server has begun to answer."""

    def lines():
        yield b"one"
        be_refused(request)

    return StreamingHttpResponse(lines())


class RefusedView(APIView):
    authentication_classes = []
    permission_classes = []
    get = be_refused


VIEWS = [assign, collide, break_a_rule, be_refused]
urlpatterns = [
    *urls.urlpatterns,
    *(path(f"fail/{view.__name__}", view) for view in VIEWS),
    path("fail/stream", stream),
    path("api/fail", RefusedView.as_view()),
]
handler500 = urls.handler500


@pytest.fixture(params=[False, True], ids=["words", "json"])
def written(request):
    """The written log, as text or JSON."""
    settings = configuration(is_json=request.param)
    configured = DictConfigurator(settings)
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(configured.configure_formatter(settings["formatters"]["line"]))
    logging.getLogger().addHandler(handler)
    yield handler.stream
    logging.getLogger().removeHandler(handler)


@pytest.mark.django_db
@pytest.mark.urls(__name__)
@pytest.mark.parametrize("address", ["/api/fail", *(f"/fail/{view.__name__}" for view in VIEWS)])
def test_a_traceback_names_the_failure_and_no_person(client, written, address):
    client.raise_request_exception = False

    assert client.get(address + "?q=ana%40example.com").status_code == 500

    said = written.getvalue()
    assert "Traceback" in said
    assert "test_log_no_address.py" in said
    for secret in ("ana@example", "ANA@", "ana%40", "<User: ana", "Lovelace", "example.com"):
        assert secret not in said


def test_a_production_server_writes_no_address(serve):
    server = serve(DJANGO_SETTINGS_MODULE="lazyrabbit.tests.failing")
    for address in ("/api/fail", "/fail/be_refused", "/fail/collide"):
        headers = {"X-Request-ID": f"failing-{address.rpartition('/')[2]}"}
        assert server.ask(f"{address}?q=ana%40example.com", **headers)[0] == 500
    with pytest.raises(IncompleteRead):
        server.ask("/fail/stream?q=ana%40example.com")

    lines = server.lines()

    assert not [text for text in ("ana@", "ana%40", "example.com>") if text in json.dumps(lines)]
    failures = [line for line in lines if "exc_info" in line]
    assert len(failures) == 4
    assert all("test_log_no_address.py" in line["exc_info"] for line in failures)
    by_request = {line.get("request_id"): line for line in failures}
    line = by_request["failing-be_refused"]
    assert (line["level"], line["message"]) == ("ERROR", "unhandled_error")
    assert "SMTPRecipientsRefused: [address]" in line["exc_info"]
    assert "RuntimeError: A mail to [address] failed." in line["exc_info"]
    assert {"failing-fail", "failing-be_refused", "failing-collide"} < by_request.keys()


def test_a_command_that_fails_prints_no_address():
    code = "raise ValueError('Cannot assign <User: ana@example.com>')"
    environment = {name: value for name, value in os.environ.items() if name in KEPT}
    command = [sys.executable, "manage.py", "shell", "--verbosity", "0", "--command", code]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env=environment | {"PYTHON_DOTENV_DISABLED": "1"},
        text=True,
        capture_output=True,
        check=False,
    )

    assert ended.returncode == 1
    assert "Traceback" in ended.stderr
    assert ended.stderr.endswith("ValueError: Cannot assign <User: [address]>\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ana@example.com", "[address]"),
        ("<User: o'brien+x@mail.example>", "<User: [address]>"),
        ("josé@münchen.example is taken", "[address] is taken"),
        ('"ana smith"@example.com', "[address]"),
        ("root@localhost and root@[127.0.0.1]", "[address] and [address]"),
        ("GET /x?email=ana%40example.com&a=b", "GET [address]&a=b"),
        ("Key (email)=(ana@example.com)", "Key (email)=([address])"),
        (
            "taken\nDETAIL:  Row (5, Ana, $2b$12$x)\nHINT:  no",
            "taken\nDETAIL: [left out]\nHINT:  no",
        ),
        ("    @transaction.atomic\n    a @ b", "    @transaction.atomic\n    a @ b"),
        ('File "/srv/x.py", line 3, in f', 'File "/srv/x.py", line 3, in f'),
    ],
)
def test_email_addresses_and_details_are_left_out_of_a_text(text, expected):
    assert redacted(text) == expected


@pytest.mark.parametrize("text", ["a" * 3_000_000, '"a' * 1_000_000, "a@" * 1_000_000])
def test_a_long_text_takes_no_longer_than_it_is_long(text):
    started = time.process_time()

    redacted(text)

    assert time.process_time() - started < 5
