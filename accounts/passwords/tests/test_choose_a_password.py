"""Passwords that an attacker would try first are refused."""

import timeit

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from accounts.conftest import sign_in_as
from accounts.errors import PasswordRefused
from accounts.passwords import policy
from accounts.passwords.tests.test_reset_the_password import token_in
from accounts.users.models import User

V1 = "/api/v1"
BREACHED, PREDICTABLE = "arsenalfc1", "Lazy-Rabbit-26!"
SENTENCES = {
    BREACHED: ("password_breached", "This password has appeared in a data breach."),
    PREDICTABLE: ("password_predictable", "This password is too easy to guess."),
}
refused_ones = pytest.mark.parametrize("password", [BREACHED, PREDICTABLE])


def codes(password: str) -> list[str]:
    try:
        policy.check(password, User(), attr="password")
    except PasswordRefused as refused:
        return [detail.code for detail in refused.detail["password"]]
    return []


def assert_refused(answer, attr: str, password: str) -> None:
    code, sentence = SENTENCES[password]
    assert answer.status_code == 400
    assert answer.json()["detail"] == sentence
    assert answer.json()["errors"] == [{"attr": attr, "code": code, "detail": sentence}]


@refused_ones
def test_an_unacceptable_password_is_refused_at_sign_up(db, client, test_user_data, password):
    answer = client.post(f"{V1}/auth/signup", {**test_user_data, "password": password})

    assert_refused(answer, "password", password)
    assert not User.objects.exists()


@refused_ones
def test_an_unacceptable_password_is_refused_at_a_change(member, user, test_user_data, password):
    change = {"current_password": test_user_data["password"], "new_password": password}
    changed = member.post(f"{V1}/users/me/change-password", change)
    patched = member.patch(f"{V1}/users/me", {"password": password})

    assert_refused(changed, "new_password", password)
    assert_refused(patched, "password", password)
    assert User.objects.get().password == user.password


@refused_ones
def test_an_unacceptable_password_is_refused_and_the_link_stays_good(
    client, user, deliver, password
):
    client.post(f"{V1}/auth/forgot-password", {"email": user.email})
    token = token_in(deliver()[0])

    def reset(chosen: str):
        return client.post(f"{V1}/auth/reset-password", {"token": token, "password": chosen})

    assert_refused(reset(password), "password", password)
    assert User.objects.get().password == user.password
    assert reset("newpassword123").status_code == 200


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "This password has appeared in a data breach."),
        ("es", "Esta contraseña apareció en una filtración de datos."),
    ],
)
def test_a_page_says_it_in_the_readers_language(client, user, deliver, language, sentence):
    client.post(f"{V1}/auth/forgot-password", {"email": user.email})
    typed = {"token": token_in(deliver()[0]), "password": BREACHED}

    headers = {"Accept-Language": language}
    page = Client().post("/account/reset-password", typed, headers=headers)

    assert page.status_code == 400
    assert sentence in page.content.decode()
    assert User.objects.get().password == user.password


@refused_ones
def test_staff_cannot_set_an_unacceptable_password(superuser, user, password):
    _, sentence = SENTENCES[password]
    chosen = {"usable_password": "true", "password1": password, "password2": password}

    page = superuser.post(reverse("admin:auth_user_password_change", args=[user.pk]), chosen)

    assert page.status_code == 200
    assert sentence in page.content.decode()
    assert User.objects.get(pk=user.pk).password == user.password


@refused_ones
def test_staff_cannot_choose_an_unacceptable_password(db, password):
    person = User.objects.create_superuser("root@example.com", "securepassword123")
    chosen = {
        "old_password": "securepassword123",
        "new_password1": password,
        "new_password2": password,
    }

    page = sign_in_as(person).post("/admin/password_change/", chosen)

    assert SENTENCES[password][1] in page.content.decode()
    assert User.objects.get().password == person.password


@refused_ones
def test_a_person_with_such_a_password_signs_in(db, client, test_user_data, password):
    User.objects.create_user(test_user_data["email"], password)

    answer = client.post(f"{V1}/auth/signin", {**test_user_data, "password": password})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "password",
    [
        *(
            "lazyrabbit",
            "LazyRabbit2026!",
            "l.a.z.y.rabbit",
            "Lázy Räbbit",
            "\uff2cazy rabb\uff49t",
        ),
        *("Rabbit2026!", "myLazyRabbit", "LazyRabbit-Summer2026!", "lazyrabbitlazyrabbit"),
        *("Summer2026!", "winter-25", "2026summer", "summer of 2026", "Spring/Fall26"),
        *("Verano2026!", "otoño-2026", "OTONO 2026", "enero de 2026", "September26", "May 2026 !"),
        *("passwordpassword", "PassPass-123", "abcabcabc1", "123abc!123abc!", "word word word"),
    ],
)
def test_a_predictable_password_is_refused(password):
    assert "password_predictable" in codes(password)


@pytest.mark.parametrize(
    "password",
    [
        *("securepassword123", "testpassword123", "newpassword123", "correct horse battery staple"),
        *("x" * 128, "q7" * 64, "🐇" * 8, "ж" * 36, "x7-fourq"),
        *("Lazy Rabbit ate 3 carrots", "rabbit-x8$kf9Q2", "crazy-rabble-1"),
        *("summer-x8$kf9Q2-26", "mayonnaise-2026", "two-marching-bands-76", "midsummernight"),
        *("barbarossa-7", "cancan dancers 9"),
    ],
)
def test_eight_more_characters_beside_it_are_enough(password):
    assert codes(password) == []


@pytest.mark.parametrize(
    ("site_name", "refused", "accepted"),
    [
        ("Ñandú & Co.", "nandu-co-123", "nandusandia-12"),
        ("IBM", "ibm-2026-x", "ib-2026-xyz"),
        ("X", "", "x-2026-abc"),
        ("日本", "", "日本-2026-abc"),
    ],
)
def test_the_name_is_the_products(site_name, refused, accepted):
    validator = policy.PredictablePasswordValidator(site_name)

    assert validator.guessed(accepted) == 0 or len(accepted) - validator.guessed(accepted) >= 8
    if refused:
        assert len(refused) - validator.guessed(refused) < 8


@given(st.text(max_size=520))
def test_no_password_is_guessed_by_more_than_it_has(password):
    validator = policy.PredictablePasswordValidator("Lazy Rabbit")

    assert 0 <= validator.guessed(password) <= max(len(password), len(policy.folded(password)))


def test_the_longest_password_is_judged_in_a_millisecond():
    validator = policy.PredictablePasswordValidator("Lazy Rabbit")
    for password in ("ab" * 256 + "c", "x" * 512 + "y", "a" * 255 + "b" + "a" * 256, "may" * 171):
        seconds = min(timeit.repeat(lambda: validator.guessed(password), number=1, repeat=5))
        assert seconds < 0.01
