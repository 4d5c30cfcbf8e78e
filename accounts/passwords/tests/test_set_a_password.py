"""How an operator sets somebody's password on the command line."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.management.commands import changepassword
from accounts.sessions.models import Session
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
def test_what_is_wrong_changes_nothing(member, user, type_in, email, typed):
    type_in(*typed)

    with pytest.raises(CommandError):
        call_command("changepassword", email)
    assert User.objects.get().password == user.password
    assert Session.objects.live().count() == 1
