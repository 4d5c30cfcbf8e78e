from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from accounts.users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def createsuperuser(monkeypatch):
    def createsuperuser(email: str, password: str) -> None:
        monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", password)
        call_command("createsuperuser", email=email, interactive=False, verbosity=0)

    return createsuperuser


def test_a_new_database_has_no_accounts():
    assert not User.objects.exists()


def test_the_first_staff_account_is_made_on_the_command_line(createsuperuser):
    createsuperuser("Root@Example.com", "securepassword123")

    root = User.objects.get()
    assert (root.email, root.is_staff, root.is_superuser) == ("root@example.com", True, True)
    assert root.check_password("securepassword123")


@pytest.mark.parametrize("password", ["short12", "password", "root@example.com", "x" * 129])
def test_a_superuser_with_a_weak_password_is_refused(createsuperuser, password):
    with pytest.raises(CommandError, match="password"):
        createsuperuser("root@example.com", password)
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("email", "said"),
    [
        ("root", "Enter a valid email address."),
        ("root@localhost", "Enter a valid email address."),
        ("", "Email cannot be blank."),
    ],
)
def test_a_superuser_needs_an_address_and_is_told_once(createsuperuser, email, said):
    with pytest.raises(CommandError) as refused:
        createsuperuser(email, "securepassword123")
    assert str(refused.value) == said
    assert not User.objects.exists()


def test_a_wrong_typed_email_address_is_named_once(monkeypatch):
    typed, told = iter(["root", "root@example.com"]), StringIO()
    monkeypatch.setattr("builtins.input", lambda _: next(typed))
    monkeypatch.setattr("getpass.getpass", lambda *_: "securepassword123")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)

    call_command("createsuperuser", stderr=told, verbosity=0)

    assert told.getvalue() == "Error: Enter a valid email address.\n"
    assert User.objects.get().is_superuser


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "DJANGO_SUPERUSER_EMAIL and DJANGO_SUPERUSER_PASSWORD"),
        ({"EMAIL": "root@example.com"}, "DJANGO_SUPERUSER_PASSWORD"),
        ({"PASSWORD": "securepassword123"}, "DJANGO_SUPERUSER_EMAIL"),
        ({"EMAIL": "", "PASSWORD": "securepassword123"}, "DJANGO_SUPERUSER_EMAIL"),
    ],
)
@pytest.mark.parametrize("stdin", [StringIO(), None])
def test_without_a_terminal_it_fails_and_says_what_is_missing(monkeypatch, stdin, given, missing):
    for name in ("EMAIL", "PASSWORD"):
        monkeypatch.delenv(f"DJANGO_SUPERUSER_{name}", raising=False)
        if name in given:
            monkeypatch.setenv(f"DJANGO_SUPERUSER_{name}", given[name])

    with pytest.raises(CommandError) as refused:
        call_command("createsuperuser", stdin=stdin)

    assert str(refused.value) == f"Without a terminal to ask at, set {missing}."
    assert not User.objects.exists()


@pytest.mark.parametrize("options", [{}, {"email": "root@example.com"}])
def test_without_a_terminal_the_environment_answers(monkeypatch, capsys, options):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "securepassword123")
    if not options:
        monkeypatch.setenv("DJANGO_SUPERUSER_EMAIL", "Root@Example.com")

    call_command("createsuperuser", stdin=StringIO(), **options)

    assert capsys.readouterr().out == "Superuser created successfully.\n"
    root = User.objects.get()
    assert (root.email, root.is_superuser) == ("root@example.com", True)
    assert root.check_password("securepassword123")


@pytest.mark.postgresql
def test_one_of_two_simultaneous_commands_makes_the_account(race, production_hasher, monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "securepassword123")

    def make() -> str:
        try:
            call_command("createsuperuser", email="root@example.com", interactive=False)
        except CommandError as error:
            return str(error)
        return "made"

    assert sorted(race(make, make)) == ["Error: That email is already taken.", "made"]
    assert User.objects.count() == 1


def test_a_superuser_with_a_taken_address_is_refused(createsuperuser, user):
    with pytest.raises(CommandError, match="already"):
        createsuperuser("TEST@example.com", "securepassword123")
    assert User.objects.count() == 1


def test_an_account_without_a_password_cannot_sign_in(client):
    User.objects.create_user("test@example.com")

    answer = client.post(
        "/api/v1/auth/signin", {"email": "test@example.com", "password": "testpassword123"}
    )
    assert answer.status_code == 401


@pytest.mark.parametrize("email", ["Test@Example.com", "test@example.com"])
def test_the_database_itself_keeps_one_account_for_one_address(user, email):
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.bulk_create([User(email=email)])


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (None, ""),
        (" Ana@Localhost ", "ana@localhost"),  # Imported accounts may have such addresses.
        ("\u212aate@example.com", "\u212aate@example.com"),
        ("\u0130@example.com", "\u0130@example.com"),
        ("no address", "no address"),
    ],
)
def test_an_invalid_email_address_never_becomes_another_persons(typed, stored):
    assert User.objects.normalize_email(typed) == stored
