"""An operator runs ``manage.py doctor``."""

import re
import secrets
import socket
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_network
from threading import Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts.events.models import Event, EventName
from accounts.management.commands import doctor as command
from accounts.throttling.models import Counter

pytestmark = pytest.mark.django_db


@pytest.fixture
def report(capsys, settings):
    """Run the doctor without a web server, and return each line's mark and sentence."""

    def report() -> list[tuple[str, str]]:
        try:
            call_command("doctor", "--no-color")
            refusal = None
        except CommandError as error:
            refusal = str(error)
        lines = capsys.readouterr().out.splitlines()
        assert all(re.match(r"(ok   |note |WRONG) \S.*[.?]$", line) for line in lines)
        found = [(line[:5].strip(), line[6:]) for line in lines]
        is_wrong = "WRONG" in dict(found)
        assert refusal == ("Something is wrong: see above." if is_wrong else None)
        return found

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings.PORT = closed.getsockname()[1]
        yield report


@pytest.fixture
def doctor(report):
    """Run the doctor, and return the sentences marked WRONG."""
    return lambda: [sentence for mark, sentence in report() if mark == "WRONG"]


def test_a_right_setup_has_no_findings(doctor):
    assert doctor() == []


def test_the_doctor_reports_a_key_that_is_not_random(doctor, settings):
    settings.SECRET_KEY = "k" * 64

    assert doctor() == ["SECRET_KEY does not look random."]


def test_an_older_key_is_to_be_taken_out_some_day(report, settings):
    settings.SECRET_KEY_FALLBACKS = [secrets.token_hex(32)]
    said = "SECRET_KEY_FALLBACKS is set: take it out 7 days after the change."
    assert ("note", said) in report()

    settings.SECRET_KEY_FALLBACKS.append("k" * 64)
    assert ("WRONG", "SECRET_KEY_FALLBACKS holds a key that does not look random.") in report()


@pytest.mark.parametrize(
    ("mode", "is_production", "mark"),
    [
        (0o600, True, None),
        (0o640, True, None),
        (0o644, True, "WRONG"),
        (0o602, True, "WRONG"),
        (0o644, False, "note"),
        (None, True, None),
    ],
)
def test_the_doctor_reports_an_env_file_that_others_can_read(
    report, settings, tmp_path, mode, is_production, mark
):
    settings.BASE_DIR, settings.IS_PRODUCTION = tmp_path, is_production
    file = tmp_path / ".env"
    if mode is not None:
        file.touch()
        file.chmod(mode)

    said = f"Others on this machine can read {file}: say chmod o= .env there."
    assert [found for found in report() if "Others" in found[1]] == ([(mark, said)] if mark else [])


@pytest.mark.parametrize(("mode", "is_told"), [(0o640, False), (0o600, False), (0o644, True)])
def test_the_doctor_reports_a_secret_file_that_others_can_read(
    report, settings, tmp_path, mode, is_told
):
    file = tmp_path / "secret_key"
    file.touch()
    file.chmod(mode)
    settings.SECRET_FILES = [file]

    said = f"Others on this machine can read {file}: say chmod o= {file}."
    assert (("note", said) in report()) is is_told


@pytest.mark.parametrize(("folders", "said"), [(["/none"], "W004"), ("/none", "E001")])
def test_the_findings_of_djangos_checks_are_reported(doctor, settings, folders, said):
    settings.STATICFILES_DIRS = folders

    (sentence,) = doctor()
    assert sentence.startswith(f"staticfiles.{said}: ")


@pytest.mark.parametrize(
    ("trusted", "is_production", "said"),
    [
        ([], True, "TRUSTED_PROXIES is empty: no proxy is believed, and the API answers every"),
        ([ip_network("0.0.0.0/0")], False, "TRUSTED_PROXIES trusts everyone's"),
        ([ip_network("0.0.0.0/1")], False, "TRUSTED_PROXIES trusts everyone's"),
        ([ip_network("::/0")], False, "TRUSTED_PROXIES trusts everyone's"),
    ],
)
def test_the_doctor_reports_proxies_believed_too_little_or_too_much(
    doctor, settings, trusted, is_production, said
):
    settings.TRUSTED_PROXIES, settings.IS_PRODUCTION = trusted, is_production

    assert any(line.startswith(said) for line in doctor())


@pytest.mark.postgresql
def test_the_connection_itself_is_asked_where_it_leads(report):
    said = "The connection to the database stays on this machine."
    info = connection.connection.info

    assert (("ok", said) in report()) is (not info.hostaddr or info.hostaddr.startswith("127."))


def test_the_doctor_reports_a_mail_server_that_is_down(doctor, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", settings.PORT

    assert doctor() == ["Mail cannot go to 127.0.0.1: ConnectionRefusedError: Connection refused."]


def test_the_doctor_reports_an_impossible_folder_for_mail(report, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = "/dev/null/mails"

    found = report()

    wrong = ("WRONG", "Mail cannot go to /dev/null/mails: ImproperlyConfigured.")
    assert [finding for finding in found if finding[0] == "WRONG"] == [wrong]
    assert ("ok", "Every migration is applied.") in found


def test_a_failed_examination_hides_no_other_finding(report, settings):
    settings.BASE_DIR = None

    found = report()

    (wrong,) = [sentence for mark, sentence in found if mark == "WRONG"]
    assert wrong.startswith("Looking at env file failed: TypeError: ")
    assert {"SECRET_KEY looks random.", "Every migration is applied."} <= {
        said for _, said in found
    }


@contextmanager
def answering(status: int):
    """Run a web server that answers every request with a status; with 0, it hangs up."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if status:
                asked = (self.path, self.headers["Host"]) == ("/api/health", "accounts.example.com")
                self.send_response(status if asked else 418)
                self.end_headers()

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


@pytest.mark.parametrize(
    ("status", "mark", "said"),
    [
        (200, "ok", "answers {} with 200."),
        (500, "WRONG", "answers {} with 500."),
        (0, "WRONG", "does not answer {}: RemoteDisconnected."),
    ],
)
def test_the_doctor_reports_what_the_web_server_answers(report, settings, status, mark, said):
    settings.HOST = "accounts.example.com"
    with answering(status) as settings.PORT:
        url = f"http://127.0.0.1:{settings.PORT}/api/health"
        assert (mark, f"The web server {said.format(url)}") in report()


def test_the_doctor_reports_a_hanging_web_server(report, settings, monkeypatch):
    monkeypatch.setattr(command, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.PORT = server.getsockname()[1]
        url = f"http://127.0.0.1:{settings.PORT}/api/health"
        assert ("WRONG", f"The web server does not answer {url}: TimeoutError.") in report()


def test_a_web_server_that_is_down_may_run_elsewhere(report, settings):
    url = f"http://127.0.0.1:{settings.PORT}/api/health"

    said = f"No web server listens at {url}; that is right if it runs elsewhere."
    assert ("note", said) in report()


@pytest.mark.postgresql
def test_the_doctor_reports_too_few_connections(doctor, settings):
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('port'), current_setting('max_connections')::int")
        port, connections = cursor.fetchone()
    settings.WORKERS = connections // settings.CONNECTIONS + 1
    number = settings.WORKERS * settings.CONNECTIONS + 1

    said = doctor()

    if port != str(connection.settings_dict["PORT"] or 5432):
        assert said == []  # PgBouncer has connections of its own.
    else:
        (sentence,) = said
        assert sentence.startswith(f"This node needs {number} connections (")
        assert sentence.endswith("raise max_connections, or put deploy/pgbouncer.ini between.")
        assert int(re.search(r"of (\d+) left", sentence)[1]) < connections


def test_no_worker_sends_mail(doctor, client, user):
    client.post("/api/v1/auth/forgot-password", {"email": user.email})
    since = timezone.now() - timedelta(minutes=6)
    DBTaskResult.objects.update(enqueued_at=since)

    said = f"Mails that wait: 1, the oldest since {since:%Y-%m-%d %H:%M} UTC. Is a worker running?"
    assert doctor() == [said]


def test_the_doctor_reports_an_unscheduled_purge(doctor):
    Counter.objects.create(key="x", count=1, resets_at=timezone.now() - timedelta(days=4))

    assert doctor() == ["manage.py purge has not run for days: schedule it once a day."]


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (None, ["No backup was ever made: schedule manage.py backup."]),
        (30, ["The last backup was made 30 h ago."]),
        (25, []),
    ],
)
def test_the_doctor_reports_a_missing_backup_in_production(doctor, settings, hours, said):
    settings.IS_PRODUCTION = True
    for age in [] if hours is None else [hours + 100, hours]:
        made_at = timezone.now() - timedelta(hours=age)
        Event.objects.create(name=EventName.BACKUP_MADE, created_at=made_at)

    assert [line for line in doctor() if "backup" in line] == said


@pytest.mark.django_db(transaction=True)
def test_the_doctor_reports_missing_migrations(doctor):
    call_command("migrate", "accounts", "0001", verbosity=0)
    try:
        (said,) = doctor()  # No other finding: it must not query tables that do not exist.
        assert re.fullmatch(r"\d+ migrations are not applied: manage.py migrate does so\.", said)
    finally:
        call_command("migrate", "accounts", verbosity=0)
