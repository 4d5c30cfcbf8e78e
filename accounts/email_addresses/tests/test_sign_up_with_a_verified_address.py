"""With EMAIL_VERIFICATION=required, only the mailbox shows whether an account exists."""

import pytest
from django.contrib.auth import hashers
from django.test import Client
from django.utils import timezone

from accounts.events.models import Event
from accounts.passwords.tests.test_reset_the_password import token_in
from accounts.sessions.models import Session
from accounts.users.models import User

SIGNUP = "/api/v1/auth/signup"
SIGNIN = "/api/v1/auth/signin"
VERIFY = "/api/v1/auth/verify-email"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def required(settings):
    settings.EMAIL_VERIFICATION = "required"


def test_people_sign_in_after_they_verified(client, test_user_data, deliver):
    answer = client.post(SIGNUP, test_user_data)
    assert (answer.status_code, list(answer.json())) == (202, ["message"])
    early = client.post(SIGNIN, test_user_data)
    assert (early.status_code, early.json()["code"]) == (403, "email_not_verified")
    assert not Session.objects.exists()

    (message,) = deliver()
    proof = {"token": token_in(message), "current_password": test_user_data["password"]}
    assert client.post(VERIFY, proof).status_code == 200

    assert client.post(SIGNIN, test_user_data).status_code == 200
    assert Event.objects.get(name="signin_failed").details == {"reason": "email_not_verified"}


def test_a_wrong_password_is_not_told_that_it_is_unverified(client, test_user_data):
    client.post(SIGNUP, test_user_data)

    answer = client.post(SIGNIN, test_user_data | {"password": "wrongpassword123"})

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")


def test_an_address_with_an_account_gets_the_same_answer_and_another_mail(
    client, user, test_user_data, deliver
):
    User.objects.update(email_verified_at=timezone.now())
    new = client.post(SIGNUP, test_user_data | {"email": "new@example.com"})
    taken = client.post(SIGNUP, test_user_data | {"password": "thethiefspassword1"})

    assert (taken.status_code, taken.content) == (202, new.content)
    mails = {message.to[0]: message.subject for message in deliver()}
    assert mails == {
        "new@example.com": "Confirm your email address",
        "test@example.com": "You already have an account",
    }
    assert User.objects.get(email=user.email).password == user.password


def test_a_taken_address_costs_the_same_hash(client, user, test_user_data, monkeypatch):
    hashed, encode = [], type(hashers.get_hasher()).encode

    def count(self, *arguments):
        hashed.append(arguments)
        return encode(self, *arguments)

    monkeypatch.setattr(type(hashers.get_hasher()), "encode", count)
    for email in ("test@example.com", "new@example.com"):
        hashed.clear()
        client.post(SIGNUP, test_user_data | {"email": email})
        assert len(hashed) == 1


def test_limits_reveal_no_account_either(client, user, test_user_data, deliver):
    User.objects.update(email_verified_at=timezone.now())

    def statuses(email: str) -> list[int]:
        body = test_user_data | {"email": email}
        return [client.post(SIGNUP, body).status_code for _ in range(8)]

    assert statuses("test@example.com") == statuses("new@example.com") == [202] * 8
    sent = [message.to[0] for message in deliver()]
    assert sent.count("test@example.com") == 5
    assert sent.count("new@example.com") <= 5


def test_a_network_above_the_limit_of_mails_is_refused_for_any_email_address(
    client, user, test_user_data
):
    for number in range(20):
        body = test_user_data | {"email": f"person{number}@example.com"}
        assert client.post(SIGNUP, body).status_code == 202

    for email in ("test@example.com", "new@example.com"):
        assert client.post(SIGNUP, test_user_data | {"email": email}).status_code == 429
    assert not User.objects.filter(email="new@example.com").exists()


def test_staff_enter_the_admin(client, superuser):
    browser = Client()
    form = {"username": "root@example.com", "password": "securepassword123"}
    browser.post("/admin/login/", form)

    assert browser.get("/admin/").status_code == 200


def test_a_reset_verifies_too(client, test_user_data, deliver):
    client.post(SIGNUP, test_user_data)
    client.post("/api/v1/auth/forgot-password", {"email": test_user_data["email"]})
    token = token_in(next(m for m in deliver() if m.subject == "Set a new password"))
    body = {"token": token, "password": "anotherpassword123"}
    assert client.post("/api/v1/auth/reset-password", body).status_code == 200

    signin = test_user_data | {"password": "anotherpassword123"}
    assert client.post(SIGNIN, signin).status_code == 200


@pytest.mark.postgresql
def test_16_parallel_sign_ups_of_one_email_address_get_the_same_answer(
    race, client, test_user_data
):
    statuses = race(*[lambda: client.post(SIGNUP, test_user_data).status_code] * 16)

    assert statuses == [202] * 16
    assert User.objects.count() == 1
