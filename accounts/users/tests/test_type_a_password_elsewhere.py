"""A password is the same on every keyboard, whichever Unicode form it sends."""

import time
from unicodedata import normalize

import bcrypt
import pytest
from django.contrib.auth.hashers import check_password, make_password
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from accounts.management.commands import changepassword
from accounts.passwords.tests.test_reset_the_password import token_in
from accounts.users.hashers import LONGEST, AsTyped, BcryptSHA256Hasher, in_one_form
from accounts.users.models import User

SIGNIN = "/api/v1/auth/signin"
WORDS = "contraseña-número-dévelöppé"
COMPOSED, DECOMPOSED = normalize("NFC", WORDS), normalize("NFD", WORDS)
FORMS = [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED), (DECOMPOSED, DECOMPOSED)]
either_way = pytest.mark.parametrize(("chosen", "typed"), FORMS)
pytestmark = pytest.mark.django_db


def opens(client, typed: str) -> int:
    body = {"email": "test@example.com", "password": typed}
    return client.post(SIGNIN, body).status_code


@pytest.fixture
def hashes(monkeypatch):
    """The passwords that were hashed, in order."""
    computed = []
    encode = BcryptSHA256Hasher.encode

    def count(self, password, salt):
        computed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(BcryptSHA256Hasher, "encode", count)
    return computed


@either_way
def test_a_password_from_sign_up_opens_in_either_form(client, test_user_data, chosen, typed):
    answer = client.post("/api/v1/auth/signup", {**test_user_data, "password": chosen})

    assert answer.status_code == 201
    assert opens(client, typed) == 200
    assert opens(client, typed.replace("ñ", "n").replace("n\u0303", "n")) == 401


@either_way
def test_a_changed_password_opens_and_confirms_in_either_form(client, member, chosen, typed):
    body = {"current_password": "testpassword123", "new_password": chosen}
    assert member.post("/api/v1/users/me/change-password", body).status_code == 200
    assert opens(client, typed) == 200

    again = {"current_password": typed, "new_password": chosen}
    unchanged = member.post("/api/v1/users/me/change-password", again)
    assert (unchanged.status_code, unchanged.json()["code"]) == (400, "password_unchanged")
    unchanged = member.patch("/api/v1/users/me", {"password": typed})
    assert (unchanged.status_code, unchanged.json()["code"]) == (400, "password_unchanged")
    named = member.patch("/api/v1/users/me", {"full_name": "Ana", "current_password": typed})
    assert named.status_code == 200


@either_way
def test_a_password_set_by_link_opens_in_either_form(client, user, deliver, chosen, typed):
    client.post("/api/v1/auth/forgot-password", {"email": user.email})
    body = {"token": token_in(deliver()[-1]), "password": chosen}
    assert client.post("/api/v1/auth/reset-password", body).status_code == 200

    assert opens(client, typed) == 200


@either_way
def test_a_password_set_by_staff_or_an_operator_opens_in_either_form(
    client, superuser, user, monkeypatch, chosen, typed
):
    page = reverse("admin:auth_user_password_change", args=[user.pk])
    form = {"password1": chosen, "password2": chosen, "usable_password": "true"}
    assert superuser.post(page, form).status_code == 302
    assert opens(client, typed) == 200

    monkeypatch.setattr(changepassword, "getpass", lambda prompt: chosen)
    call_command("changepassword", user.email)
    assert opens(client, typed) == 200


@either_way
def test_a_superuser_signs_in_to_the_admin(monkeypatch, chosen, typed):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", chosen)
    call_command("createsuperuser", email="root@example.com", interactive=False, verbosity=0)

    form = {"username": "root@example.com", "password": typed}
    answer = Client().post(reverse("admin:login"), form)

    assert answer.status_code == 302


@pytest.mark.parametrize("algorithm", ["bcrypt_sha256", "bcrypt"])
def test_an_old_hash_of_another_form_opens_once_more_and_is_renewed(client, user, algorithm):
    old = make_password(AsTyped(DECOMPOSED), hasher=algorithm)
    assert old.startswith(f"{algorithm}$")
    User.objects.update(password=old)
    assert opens(client, COMPOSED) == 401
    assert opens(client, DECOMPOSED + "x") == 401
    assert User.objects.get().password == old

    assert opens(client, DECOMPOSED) == 200

    renewed = User.objects.get().password
    assert renewed.startswith("bcrypt_sha256$")
    assert check_password(COMPOSED, renewed)
    assert not check_password(AsTyped(DECOMPOSED), renewed)
    assert [opens(client, typed) for typed in (COMPOSED, DECOMPOSED)] == [200, 200]


@either_way
def test_an_imported_hash_opens_in_either_form(client, user, chosen, typed):
    hashed = bcrypt.hashpw(COMPOSED.encode(), bcrypt.gensalt(4))
    User.objects.update(password=f"bcrypt${hashed.decode()}")

    assert opens(client, typed) == 200


KINDS = {
    "known": lambda: User.objects.create_user("test@example.com", "testpassword123"),
    "unusable": lambda: User.objects.create_user("test@example.com"),
    "inactive": lambda: User.objects.create_user("test@example.com", WORDS, is_active=False),
    "unknown": lambda: None,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("typed", "number"), [("wrongpassword123", 1), (f"x{COMPOSED}", 1), (f"x{DECOMPOSED}", 2)]
)
def test_a_failed_sign_in_takes_as_many_hashes_for_every_address(
    client, hashes, kind, typed, number
):
    KINDS[kind]()
    hashes.clear()

    assert opens(client, typed) == 401
    assert len(hashes) == number


def test_the_usual_password_takes_one_hash(client, user, hashes):
    assert opens(client, "testpassword123") == 200
    assert hashes == ["testpassword123"]


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("é" * 128, None),
        ("e\u0301" * 128, None),
        ("e\u0301" * 129, "password_too_long"),
        ("\u1f82" * 128, None),
        (normalize("NFD", "\u1f82" * 128), None),
        (normalize("NFD", "\u1f82" * 129), "password_too_long"),
        ("e\u0301" * 7, "password_too_short"),
        ("e\u0301" * 8, None),
    ],
)
def test_characters_are_counted_in_the_form_that_is_hashed(client, test_user_data, password, code):
    answer = client.post("/api/v1/auth/signup", {**test_user_data, "password": password})

    assert (answer.status_code, answer.json().get("code")) == (400 if code else 201, code)


def test_a_body_full_of_accents_is_not_brought_into_a_form(client, user):
    accents = "a" + "\u0301\u0327" * 15_000  # To sort them would take Python seconds.
    began = time.process_time()

    assert in_one_form(accents) is accents
    assert opens(client, accents) == 401
    answer = client.post("/api/v1/auth/signup", {"email": "a@example.com", "password": accents})
    assert (answer.status_code, answer.json()["code"]) == (400, "password_too_long")

    assert time.process_time() - began < 1
    assert len(normalize("NFD", "\u1f82")) == 4 == LONGEST // 128
