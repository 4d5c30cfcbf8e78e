"""How staff and operators set a password: in the admin, or on the command line."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.conftest import sign_in_as
from accounts.management.commands import changepassword
from accounts.sessions.models import Session
from accounts.staff.tests.test_look_after_users import page_of
from accounts.users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def type_in(monkeypatch):
    """Type these at the command's prompts."""

    def type_in(*typed: str) -> None:
        lines = iter(typed)
        monkeypatch.setattr(changepassword, "getpass", lambda prompt: next(lines))

    return type_in


def test_a_password_is_set_and_the_sessions_end(member, user, type_in):
    type_in("anotherpassword123", "anotherpassword123")
    output = StringIO()

    call_command("changepassword", "TEST@example.com", stdout=output)

    assert output.getvalue() == "Password changed.\n"
    assert User.objects.get().check_password("anotherpassword123")
    assert member.get("/api/v1/users/me").status_code == 401


@pytest.mark.parametrize(
    ("email", "typed"),
    [
        ("nobody@example.com", ["anotherpassword123"] * 2),
        ("test@example.com", ["anotherpassword123", "anotherpassword124"]),
        ("test@example.com", ["password"] * 2),
    ],
)
def test_invalid_input_changes_nothing(member, user, type_in, email, typed):
    type_in(*typed)

    with pytest.raises(CommandError):
        call_command("changepassword", email)
    assert User.objects.get().password == user.password
    assert Session.objects.live().count() == 1


NEW = "anotherpassword123"
HOME, STRANGERS = "192.0.2.1", [f"198.51.100.{number}" for number in range(3)]


def attempt(client, password: str, peer: str = HOME) -> int:
    body = {"email": "test@example.com", "password": password}
    return client.post("/api/v1/auth/signin", body, REMOTE_ADDR=peer).status_code


@pytest.fixture
def set_by(superuser, user, type_in):
    """Set the user's password in one of three ways."""

    def in_the_admin():
        form = dict.fromkeys(("password1", "password2"), NEW)
        return superuser.post(page_of(user, "auth_user_password_change"), form)

    def with_the_old_one():
        form = {"old_password": "testpassword123", "new_password1": NEW, "new_password2": NEW}
        User.objects.filter(pk=user.pk).update(is_staff=True)
        return sign_in_as(User.objects.get(pk=user.pk)).post("/admin/password_change/", form)

    def by_command():
        type_in(NEW, NEW)
        call_command("changepassword", user.email, stdout=StringIO())

    return {"admin": in_the_admin, "own": with_the_old_one, "command": by_command}


@pytest.mark.parametrize("way", ["admin", "own", "command"])
def test_a_password_that_is_set_lifts_the_blocks_of_every_network(client, user, set_by, way):
    assert [attempt(client, "wrong") for _ in range(6)] == [401] * 5 + [429]
    for peer in STRANGERS:
        failures = [attempt(client, "wrong", peer) for _ in range(5)]
    assert failures[-1] == 429  # The limit of all strange networks together.

    set_by[way]()

    assert User.objects.get(pk=user.pk).check_password(NEW)
    for peer in (HOME, *STRANGERS):
        assert attempt(client, NEW, peer) == 200


def test_a_password_that_is_refused_lifts_no_block(client, user, superuser):
    assert [attempt(client, "wrong") for _ in range(6)] == [401] * 5 + [429]

    weak = dict.fromkeys(("password1", "password2"), "password")
    assert superuser.post(page_of(user, "auth_user_password_change"), weak).status_code == 200

    assert attempt(client, "testpassword123") == 429


def test_the_blocks_of_another_account_stay(client, user, type_in):
    other = User.objects.create_user("other@example.com", "testpassword123")
    assert [attempt(client, "wrong") for _ in range(6)] == [401] * 5 + [429]
    type_in(NEW, NEW)

    call_command("changepassword", other.email, stdout=StringIO())

    assert attempt(client, "testpassword123") == 429


def test_staff_who_guessed_their_own_password_wrong_may_try_again_with_a_new_one(user, set_by):
    User.objects.filter(pk=user.pk).update(is_staff=True)
    wrong = {"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}
    browser = sign_in_as(User.objects.get(pk=user.pk))
    guesses = [browser.post("/admin/password_change/", wrong) for _ in range(6)]
    assert guesses[-1].status_code == 429

    set_by["command"]()

    browser = sign_in_as(User.objects.get(pk=user.pk))
    own = {"old_password": NEW, **dict.fromkeys(("new_password1", "new_password2"), NEW + "4")}
    assert browser.post("/admin/password_change/", own).status_code == 302
