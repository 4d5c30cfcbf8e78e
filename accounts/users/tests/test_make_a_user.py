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


@pytest.mark.parametrize("email", ["root", "root@localhost", ""])
def test_a_superuser_needs_an_address(createsuperuser, email):
    with pytest.raises(CommandError):
        createsuperuser(email, "securepassword123")
    assert not User.objects.exists()


def test_a_superuser_with_a_taken_address_is_refused(createsuperuser, user):
    with pytest.raises(CommandError, match="already"):
        createsuperuser("TEST@example.com", "securepassword123")
    assert User.objects.count() == 1


def test_without_a_password_nobody_can_sign_in(client):
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
def test_what_is_no_address_never_becomes_somebody_elses(typed, stored):
    assert User.objects.normalize_email(typed) == stored
