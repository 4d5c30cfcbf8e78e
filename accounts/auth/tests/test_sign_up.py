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


def test_json_makes_no_one_staff(client, test_user_data):
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


def test_an_email_address_has_one_account(client, user, test_user_data):
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


def test_staff_who_may_only_view_cannot_approve_accounts(client, settings, staff, test_user_data):
    settings.SIGNUP_MODE = "approval"
    client.post(URL, test_user_data)
    person = User.objects.get()

    staff("view").post(
        "/admin/accounts/user/", {"action": "approve", "_selected_action": [person.pk]}
    )

    assert not User.objects.get(pk=person.pk).is_active


def test_closed_sign_up_refuses_new_accounts(client, settings, test_user_data):
    settings.SIGNUP_MODE = "closed"

    answer = client.post(URL, test_user_data)

    assert (answer.status_code, answer.json()["code"]) == (403, "signup_closed")
    assert not User.objects.exists()


@pytest.mark.postgresql
def test_one_of_16_parallel_sign_ups_of_one_email_address_wins(race, client, test_user_data):
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
