import pytest

from accounts.users.models import User

URL = "/api/v1/users/me"
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("sent", "stored"), [("Ana", "Ana"), (" Ana ", "Ana"), ("", None), (None, None)]
)
def test_a_member_changes_the_name(member, user, sent, stored):
    answer = member.patch(URL, {"full_name": sent})

    changed = User.objects.get()
    assert (answer.status_code, answer.json()["full_name"]) == (200, stored)
    assert (changed.full_name, changed.password) == (stored, user.password)
    assert changed.updated_at > user.updated_at
    assert answer.json() == member.get(URL).json()


def test_an_empty_change_changes_nothing(member, user):
    answer = member.patch(URL, {})

    assert answer.status_code == 200
    assert User.objects.get().updated_at == user.updated_at


def test_other_members_of_the_body_are_ignored(member, user):
    changes = {"email": "other@example.com", "is_staff": True, "is_active": False, "id": 99}
    answer = member.patch(URL, changes)

    unchanged = User.objects.get()
    assert answer.status_code == 200
    assert (unchanged.email, unchanged.is_staff, unchanged.is_active, unchanged.pk) == (
        *("test@example.com", False, True),
        user.pk,
    )


def test_a_name_and_a_password_change_together(member):
    answer = member.patch(URL, {"full_name": "Ana", "password": "newpassword123"})

    changed = User.objects.get()
    assert (answer.status_code, answer.json()["full_name"]) == (200, "Ana")
    assert changed.full_name == "Ana"
    assert changed.check_password("newpassword123")


def test_a_null_password_changes_no_password(member, user):
    changes = {"full_name": "Ana", "password": None, "current_password": None}

    assert member.patch(URL, changes).status_code == 200
    assert User.objects.get().password == user.password


def test_a_new_password_must_not_resemble_the_new_name(member, user):
    answer = member.patch(URL, {"full_name": "Quuxaroo Zed", "password": "quuxaroozed"})

    assert (answer.status_code, answer.json()["code"]) == (400, "password_too_similar")
    assert User.objects.get().full_name == "Test User"


def test_a_new_password_holds_at_once_and_ends_the_other_sessions(client, member, sign_in):
    other = sign_in()

    answer = member.patch(URL, {"password": "newpassword123"})

    assert answer.status_code == 200
    assert other.get(URL).json()["code"] == "token_not_valid"
    assert member.get(URL).status_code == 200
    old, new = (
        client.post("/api/v1/auth/signin", {"email": "test@example.com", "password": password})
        for password in ("testpassword123", "newpassword123")
    )
    assert (old.status_code, new.status_code) == (401, 200)


def test_a_wrong_current_password_is_refused_also_where_none_is_needed(member, user, sign_in):
    other = sign_in()
    changes = {"password": "newpassword123", "current_password": "wrong", "full_name": "Ana"}

    answer = member.patch(URL, changes)

    assert answer.status_code == 400
    assert answer.json()["detail"] == "Current password is incorrect"
    assert answer.json()["errors"] == [
        {
            "attr": "current_password",
            "code": "password_incorrect",
            "detail": "Current password is incorrect",
        }
    ]
    assert User.objects.get().password == user.password
    assert User.objects.get().full_name == "Test User"
    assert other.get(URL).status_code == 200


def test_a_wrong_current_password_is_refused_with_a_name_alone(member):
    answer = member.patch(URL, {"full_name": "Ana", "current_password": "wrong"})

    assert (answer.status_code, answer.json()["code"]) == (400, "password_incorrect")
    assert User.objects.get().full_name == "Test User"


def test_an_old_sign_in_needs_the_current_password_for_a_new_one(member, user, old_sign_in):
    refused = member.patch(URL, {"password": "newpassword123"})

    assert (refused.status_code, refused.json()["code"]) == (403, "reauthentication_required")
    assert User.objects.get().password == user.password

    changes = {"password": "newpassword123", "current_password": "testpassword123"}
    assert member.patch(URL, changes).status_code == 200
    assert User.objects.get().check_password("newpassword123")


def test_an_old_sign_in_may_change_the_name(member, old_sign_in):
    assert member.patch(URL, {"full_name": "Ana"}).status_code == 200


def test_with_no_minutes_the_current_password_is_always_asked_for(member, settings):
    settings.REAUTHENTICATION_MINUTES = 0

    refused = member.patch(URL, {"password": "newpassword123"})

    assert (refused.status_code, refused.json()["code"]) == (403, "reauthentication_required")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short12", "password_too_short"),
        ("password", "password_too_common"),
        ("test@example.com", "password_too_similar"),
        ("testpassword123", "password_unchanged"),
    ],
)
def test_an_unacceptable_password_changes_nothing(member, user, sign_in, password, code):
    other = sign_in()

    answer = member.patch(URL, {"password": password, "full_name": "Ana"})

    assert answer.status_code == 400
    assert [(e["attr"], e["code"]) for e in answer.json()["errors"]] == [("password", code)]
    unchanged = User.objects.get()
    assert (unchanged.password, unchanged.full_name) == (user.password, "Test User")
    assert other.get(URL).status_code == 200


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            {"full_name": 7, "password": "short12"},
            [("full_name", "invalid"), ("password", "password_too_short")],
        ),
        (
            {"full_name": "x" * 201, "password": "test@example.com", "current_password": ""},
            [
                *(("full_name", "max_length"), ("password", "password_too_similar")),
                ("current_password", "blank"),
            ],
        ),
        (
            {"full_name": "Quuxaroo Zed", "password": "quuxaroozed", "current_password": 7},
            [("password", "password_too_similar"), ("current_password", "invalid")],
        ),
        (
            {"password": "short12", "current_password": "wrong"},
            [("current_password", "password_incorrect"), ("password", "password_too_short")],
        ),
        ({"full_name": 7, "password": None}, [("full_name", "invalid")]),
    ],
)
def test_every_mistake_is_named_at_once(member, user, changes, named):
    answer = member.patch(URL, changes)

    assert answer.status_code == 400
    assert [(e["attr"], e["code"]) for e in answer.json()["errors"]] == named
    unchanged = User.objects.get()
    assert (unchanged.password, unchanged.full_name) == (user.password, "Test User")
