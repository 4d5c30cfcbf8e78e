"""The service's PostgreSQL role may add to the audit log and change nothing in it."""

import os
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import ProgrammingError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.events.models import Event
from accounts.staff.tests.test_look_after_users import form_of
from accounts.users.models import User

SCRIPT = settings.BASE_DIR / "deploy" / "least-rights.sql"
ME = "/api/v1/users/me"
# Roles are the server's, not the database's: each process that tests has its own, rolled back.
PROCESS = os.environ.get("PYTEST_XDIST_WORKER", "test")
SERVICE, OWNER = f"accounts_of_{PROCESS}", f"accounts-owner-of-{PROCESS}"
pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def become(role: str) -> None:
    execute(f'SET ROLE "{role}"')


def separate() -> None:
    """Follow docs/deploy.md as the administrator of the database."""
    script = SCRIPT.read_text().replace('"accounts-owner"', f'"{OWNER}"')
    assert script.count("BEGIN;") == script.count("COMMIT;") == 1
    script = script.replace("BEGIN;", "").replace("COMMIT;", "")
    execute(script.replace(" accounts", f" {SERVICE}"))


@pytest.fixture
def roles(db):
    """Start like an installation: one role owns everything and serves."""
    execute(f"CREATE ROLE {SERVICE}")
    execute(f'CREATE ROLE "{OWNER}"')
    for table in connection.introspection.table_names():
        execute(f'ALTER TABLE "{table}" OWNER TO {SERVICE}')
    separate()
    become(SERVICE)
    yield
    execute("RESET ROLE")


@pytest.fixture
def root(db):
    return User.objects.create_superuser("root@example.com", "securepassword123")


def test_people_are_served(roles, client, member, user):
    signed_up = {"email": "ana@example.com", "password": "x7-fourq"}
    assert client.post("/api/v1/auth/signup", signed_up).status_code == 201
    assert client.post("/api/v1/auth/signin", signed_up | {"password": "wrong"}).status_code == 401
    assert client.post("/api/v1/auth/forgot-password", {"email": user.email}).status_code == 202
    refresh = {"refresh_token": member.tokens["refresh_token"]}
    assert client.post("/api/v1/auth/refresh", refresh).status_code == 200
    assert member.patch(ME, {"full_name": "Ana"}).status_code == 200
    new = {"current_password": "testpassword123", "new_password": "x7-fourq-and-more"}
    assert member.post(f"{ME}/change-password", new).status_code == 200
    assert member.get(f"{ME}/events").json()["total"] == Event.objects.filter(user=user).count()
    before = Event.objects.filter(user=user.pk).count()

    assert member.delete(ME).status_code == 204

    assert not User.objects.filter(pk=user.pk).exists()
    assert Event.objects.filter(user=user.pk).count() == before + 1


def test_mail_is_sent(roles, client, user, deliver):
    client.post("/api/v1/auth/forgot-password", {"email": user.email})

    assert [mail.to for mail in deliver()] == [[user.email]]


def test_staff_look_after_people(root, user, roles):
    browser, credentials = Client(), {"username": root.email, "password": "securepassword123"}
    assert browser.post(reverse("admin:login"), credentials).status_code == 302
    page = reverse("admin:accounts_user_change", args=[user.pk])

    form = form_of(browser, page) | {"full_name": "Changed"}
    assert browser.post(page, form).status_code == 302
    delete = reverse("admin:accounts_user_delete", args=[user.pk])
    assert browser.post(delete, {"post": "yes"}).status_code == 302

    assert set(Event.objects.filter(user=user.pk).values_list("name", flat=True)) == {
        "profile_changed",
        "account_deleted",
    }


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET details = '{}'",
        "UPDATE events SET user_id = NULL",
        "DELETE FROM events",
        "TRUNCATE events",
        "ALTER TABLE events ADD seen int",
        "DROP TABLE events",
        "CREATE TABLE public.of_a_thief (id int)",
        "CREATE TRIGGER forget BEFORE INSERT ON events EXECUTE FUNCTION tsvector_update_trigger()",
        "DELETE FROM django_migrations",
        "UPDATE auth_permission SET codename = ''",
    ],
)
def test_the_service_cannot_change_what_was_recorded(roles, member, statement):
    before = list(Event.objects.order_by("pk").values())
    assert before

    denied = r"permission denied|must be owner"
    with pytest.raises(ProgrammingError, match=denied), transaction.atomic():
        execute(statement)

    assert list(Event.objects.order_by("pk").values()) == before


def test_the_service_cannot_give_itself_the_right(roles, member):
    execute(f"GRANT DELETE, UPDATE ON events TO {SERVICE}")  # PostgreSQL only warns.

    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        Event.objects.all().delete()


def test_the_purge_is_run_by_the_owner(roles, member, capsys):
    long_ago = timezone.now() - timedelta(days=settings.EVENT_RETENTION_DAYS + 1)
    become(OWNER)
    Event.objects.update(created_at=long_ago)
    become(SERVICE)
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        call_command("purge")
    assert Event.objects.exists()

    become(OWNER)
    call_command("purge")

    assert "1 events purged" in capsys.readouterr().out
    assert not Event.objects.exists()


def test_the_service_can_use_tables_of_later_migrations(roles):
    become(OWNER)
    execute("CREATE TABLE public.made_later (id bigint GENERATED BY DEFAULT AS IDENTITY)")
    become(SERVICE)

    execute("INSERT INTO made_later DEFAULT VALUES")
    execute("UPDATE made_later SET id = 2")
    execute("DELETE FROM made_later")


def test_the_script_may_be_run_again(roles, member):
    execute("RESET ROLE")
    separate()
    become(SERVICE)

    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        Event.objects.all().delete()
