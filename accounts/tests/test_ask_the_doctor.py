"""An operator asks what is wrong."""

import re
import socket
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts.throttling.models import Counter

pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor(capsys):
    """Ask the doctor, and return the lines that say what is wrong."""

    def doctor() -> list[str]:
        try:
            call_command("doctor", "--no-color")
            was_well = True
        except CommandError:
            was_well = False
        lines = capsys.readouterr().out.splitlines()
        wrong = [line.removeprefix("WRONG ") for line in lines if line.startswith("WRONG ")]
        assert was_well is not bool(wrong)
        assert all(re.match(r"(ok   |WRONG) \S.*[.?]$", line) for line in lines)
        return wrong

    return doctor


def test_all_is_well(doctor):
    assert doctor() == []


def test_a_key_that_is_not_random(doctor, settings):
    settings.SECRET_KEY = "k" * 64

    assert doctor() == ["SECRET_KEY does not look random."]


@pytest.mark.parametrize(
    ("trusted", "is_production", "said"),
    [
        ([], True, "TRUSTED_PROXIES is empty"),
        ([ip_network("0.0.0.0/0")], False, "TRUSTED_PROXIES believes everybody's"),
        ([ip_network("::/0")], False, "TRUSTED_PROXIES believes everybody's"),
    ],
)
def test_proxies_that_are_not_believed_or_believed_too_much(
    doctor, settings, trusted, is_production, said
):
    settings.TRUSTED_PROXIES, settings.IS_PRODUCTION = trusted, is_production

    assert any(line.startswith(said) for line in doctor())


def test_a_frontend_without_https_in_production(doctor, settings):
    settings.IS_PRODUCTION = True
    settings.CORS_ALLOWED_ORIGINS = ["http://app.example.com"]

    assert "BACKEND_CORS_ORIGINS lets in pages without HTTPS: http://app.example.com." in doctor()


def test_a_mail_server_that_is_away(doctor, settings):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", closed.getsockname()[1]

        assert doctor() == ["Mail cannot go to 127.0.0.1: ConnectionRefusedError."]


def test_no_worker_sends_mail(doctor, client, user):
    client.post("/api/v1/auth/forgot-password", {"email": user.email})
    DBTaskResult.objects.update(enqueued_at=timezone.now() - timedelta(minutes=6))

    assert doctor() == ["1 mails wait, one for 6 min: is a worker running?"]


def test_purge_was_never_scheduled(doctor):
    Counter.objects.create(key="x", count=1, resets_at=timezone.now() - timedelta(days=4))

    assert doctor() == ["manage.py purge has not run for days: schedule it once a day."]


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_behind(doctor):
    call_command("migrate", "accounts", "0003", verbosity=0)
    try:
        (said,) = doctor()
        assert re.fullmatch(r"\d migrations are not applied: manage.py migrate does so\.", said)
    finally:
        call_command("migrate", "accounts", verbosity=0)
