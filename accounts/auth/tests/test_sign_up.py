import pytest

from accounts.sessions.models import Session
from accounts.users.models import User

URL = "/api/v1/auth/signup"
pytestmark = pytest.mark.django_db


def test_a_person_signs_up(client, test_user_data):
    answer = client.post(URL, test_user_data)

    user = User.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {
        "user": {
            "id": user.pk,
            "email": "test@example.com",
            "full_name": "Test User",
            "is_active": True,
            "email_verified": False,
            "created_at": user.created_at.isoformat().replace("+00:00", "Z"),
            "updated_at": user.updated_at.isoformat().replace("+00:00", "Z"),
        },
        "message": "User created successfully",
    }
    assert user.check_password("testpassword123")
    assert not Session.objects.exists()


def test_a_trailing_slash_works_without_a_redirect(client, test_user_data):
    assert client.post(f"{URL}/", test_user_data).status_code == 201


@pytest.mark.parametrize("full_name", [None, "", "   "])
def test_a_name_may_be_missing(client, full_name, test_user_data):
    answer = client.post(URL, {**test_user_data, "full_name": full_name})

    assert answer.status_code == 201
    assert answer.json()["user"]["full_name"] is None


def test_nobody_becomes_staff_through_json(client, test_user_data):
    answer = client.post(
        URL, {**test_user_data, "is_staff": True, "is_superuser": True, "id": 7, "is_active": False}
    )

    user = User.objects.get()
    assert answer.status_code == 201
    assert (user.is_staff, user.is_superuser, user.is_active) == (False, False, True)
    assert answer.json()["user"].keys() == {
        *("id", "email", "full_name", "is_active", "email_verified", "created_at", "updated_at")
    }


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Ana@Example.COM", "ana@example.com"),
        ("  ana@example.com\n", "ana@example.com"),
        ("Ana.B+tag@example.com", "ana.b+tag@example.com"),
        ("ana@BÜCHER.example.com", "ana@xn--bcher-kva.example.com"),
        ("ana@bücher.example.com", "ana@xn--bcher-kva.example.com"),
        ("ana@xn--bcher-kva.example.com", "ana@xn--bcher-kva.example.com"),
    ],
)
def test_a_mailbox_has_one_spelling(client, typed, stored, test_user_data):
    answer = client.post(URL, {**test_user_data, "email": typed})

    assert answer.status_code == 201
    assert answer.json()["user"]["email"] == stored
    again = client.post(URL, {**test_user_data, "email": stored.upper()})
    assert (again.status_code, again.json()["code"]) == (400, "email_taken")
    assert User.objects.count() == 1


def test_an_address_has_one_account(client, user, test_user_data):
    answer = client.post(URL, test_user_data)

    assert answer.status_code == 400
    assert answer.json() == {
        "type": "validation_error",
        "title": "Bad Request",
        "status": 400,
        "detail": "Email already registered",
        "code": "email_taken",
        "errors": [{"attr": "email", "code": "email_taken", "detail": "Email already registered"}],
        "request_id": answer.headers["X-Request-ID"],
    }
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    "email",
    [
        "not-an-address",
        "a@localhost",
        "ana@example",
        "ana@example.test",
        "ana@@example.com",
        "@example.com",
        "ana@",
        "an a@example.com",
        "ana@exam ple.com",
        "ana@[127.0.0.1]",
        '"ana b"@example.com',
        "ana\n@example.com",
        "\u0131@example.com",  # A dotless i.
        "\u212aate@example.com",  # The Kelvin sign, which str.lower() turns into k.
        "ana\u200b@example.com",  # A zero-width space.
        "jos\u00e9@example.com",
        "ana@exam\u2028ple.com",
        "a" * 65 + "@example.com",
        "a" * 300 + "@example.com",
        "ana@" + "a" * 64 + ".com",
    ],
)
def test_what_is_no_mailbox_is_refused(client, email, test_user_data):
    answer = client.post(URL, {**test_user_data, "email": email})

    assert answer.status_code == 400
    assert answer.json()["detail"] == "Enter a valid email address."
    assert [error["attr"] for error in answer.json()["errors"]] == ["email"]
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short12", "password_too_short"),
        ("x" * 129, "password_too_long"),
        ("password", "password_too_common"),
        ("12345678", "password_too_common"),
        ("test@example.com", "password_too_similar"),
        ("Test User", "password_too_similar"),
    ],
)
def test_a_weak_password_is_refused(client, password, code, test_user_data):
    answer = client.post(URL, {**test_user_data, "password": password})

    assert answer.status_code == 400
    assert [(e["attr"], e["code"]) for e in answer.json()["errors"]] == [("password", code)]
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "password",
    [
        "securepassword123",
        "newpassword123",
        "testpassword123",
        "x7-fourq",
        "correct horse battery staple",
        "  spaces  count  ",
        "пароль-из-слов",
        "🐇🐇🐇🐇🐇🐇🐇🐇",
        "q7" * 64,
    ],
)
def test_a_password_is_stored_exactly_as_sent(client, password, test_user_data):
    assert client.post(URL, {**test_user_data, "password": password}).status_code == 201

    user = User.objects.get()
    assert user.check_password(password)
    assert not user.check_password(password.strip() + " ")
    assert not user.check_password(password[:-1])


@pytest.mark.parametrize("value", [12345678, 1.5, True, None, ["a"], {"a": "b"}])
@pytest.mark.parametrize("member", ["email", "password"])
def test_only_strings_are_strings(client, member, value, test_user_data):
    answer = client.post(URL, {**test_user_data, member: value})

    code = "null" if value is None else "invalid"
    assert answer.status_code == 400
    assert [(e["attr"], e["code"]) for e in answer.json()["errors"]] == [(member, code)]
    assert not User.objects.exists()


def test_every_wrong_member_is_named(client):
    answer = client.post(URL, {"email": "nobody", "full_name": 7})

    assert answer.status_code == 400
    assert answer.json()["detail"] == "Enter a valid email address."
    assert answer.json()["errors"] == [
        {"attr": "email", "code": "invalid", "detail": "Enter a valid email address."},
        {"attr": "password", "code": "required", "detail": "Password is required."},
        {"attr": "full_name", "code": "invalid", "detail": "Full name must be a string."},
    ]


@pytest.mark.parametrize(
    "full_name", ["x" * 201, "Ana\r\nBcc: all@example.com", "Ana\u2028B", "A\x85a"]
)
def test_a_name_is_one_line_of_at_most_200_characters(client, full_name, test_user_data):
    answer = client.post(URL, {**test_user_data, "full_name": full_name})

    assert answer.status_code == 400
    assert [error["attr"] for error in answer.json()["errors"]] == ["full_name"]
    assert not User.objects.exists()


def test_where_staff_approve_accounts_a_new_one_waits(client, settings, staff, test_user_data):
    settings.SIGNUP_MODE = "approval"

    answer = client.post(URL, test_user_data)
    right, wrong = (
        client.post("/api/v1/auth/signin", {**test_user_data, "password": password})
        for password in (test_user_data["password"], "wrongpassword123")
    )

    assert answer.status_code == 201
    assert answer.json()["user"]["is_active"] is False
    assert answer.json()["message"] == (
        "User created successfully. Your account is pending approval by an administrator."
    )
    assert (right.status_code, right.json()["code"]) == (403, "account_inactive")
    assert "approve" in right.json()["detail"]
    assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_credentials")

    person = User.objects.get()
    chosen = {"action": "approve", "_selected_action": [person.pk]}
    page = staff("view", "change").post("/admin/accounts/user/", chosen, follow=True)
    assert "1 users approved." in page.content.decode()
    assert client.post("/api/v1/auth/signin", test_user_data).status_code == 200


def test_who_may_only_look_approves_nobody(client, settings, staff, test_user_data):
    settings.SIGNUP_MODE = "approval"
    client.post(URL, test_user_data)
    person = User.objects.get()

    staff("view").post(
        "/admin/accounts/user/", {"action": "approve", "_selected_action": [person.pk]}
    )

    assert not User.objects.get(pk=person.pk).is_active


def test_where_sign_up_is_closed_nobody_signs_up(client, settings, test_user_data):
    settings.SIGNUP_MODE = "closed"

    answer = client.post(URL, test_user_data)

    assert (answer.status_code, answer.json()["code"]) == (403, "signup_closed")
    assert not User.objects.exists()


@pytest.mark.postgresql
def test_of_16_parallel_sign_ups_of_one_address_one_wins(race, client, test_user_data):
    def sign_up(turn: int):
        email = "".join(
            letter.upper() if turn >> place & 1 else letter
            for place, letter in enumerate("race@example.com")
        )
        return lambda: client.__class__().post(URL, {**test_user_data, "email": email})

    answers = race(*(sign_up(turn) for turn in range(16)))

    assert sorted(answer.status_code for answer in answers) == [201] + [400] * 15
    assert {answer.json()["code"] for answer in answers if answer.status_code == 400} == {
        "email_taken"
    }
    assert User.objects.count() == 1
