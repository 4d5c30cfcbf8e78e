"""A sign-up with mistakes names all of them at once and makes no account."""

import time

import pytest

from accounts.users.models import User

URL = "/api/v1/auth/signup"
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "email",
    [
        "not-an-address",
        "a@localhost",
        "ana@example",
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
def test_an_invalid_email_address_is_refused(client, email, test_user_data):
    answer = client.post(URL, {**test_user_data, "email": email})

    assert answer.status_code == 400
    assert answer.json()["detail"] == "Enter a valid email address."
    assert [error["attr"] for error in answer.json()["errors"]] == ["email"]
    assert not User.objects.exists()


@pytest.mark.parametrize("email", ["", " ", "\t\n"])
def test_a_blank_address_is_none(client, email, test_user_data):
    answer = client.post(URL, {**test_user_data, "email": email})

    assert (answer.status_code, answer.json()["code"]) == (400, "blank")
    assert answer.json()["detail"] == "Email is required."


@pytest.mark.parametrize("email", ["someone@team.test", "Someone@TEAM.Test"])
@pytest.mark.parametrize(("is_production", "status"), [(False, 201), (True, 400)])
def test_an_address_of_a_test_is_taken_in_development_only(
    client, settings, email, is_production, status, test_user_data
):
    settings.IS_PRODUCTION = is_production

    answer = client.post(URL, {**test_user_data, "email": email})

    assert answer.status_code == status
    assert list(User.objects.values_list("email", flat=True)) == (
        [] if is_production else ["someone@team.test"]
    )


@pytest.mark.parametrize("is_production", [False, True])
@pytest.mark.parametrize(
    "email", ["a@example.invalid", "a@printer.local", "a@localhost", "a@b.arpa"]
)
def test_no_other_special_domain_is_taken_anywhere(client, settings, email, is_production):
    settings.IS_PRODUCTION = is_production

    answer = client.post(URL, {"email": email, "password": "testpassword123"})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert not User.objects.exists()


def test_a_very_long_address_is_refused_at_once(client):
    email = "a" + "\u0301\u0327" * 15_000 + "@example.com"
    began = time.process_time()

    answer = client.post(URL, {"email": email, "password": "testpassword123"})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert time.process_time() - began < 0.3


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


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            {"email": "nonsense", "password": "short12"},
            [("email", "invalid"), ("password", "password_too_short")],
        ),
        (
            {"email": "nonsense", "password": "password"},
            [("email", "invalid"), ("password", "password_too_common")],
        ),
        (
            {"email": "ana@example.com", "password": "ana@example.com", "full_name": 7},
            [("password", "password_too_similar"), ("full_name", "invalid")],
        ),
        (
            {"email": " ", "password": "quuxaroozed", "full_name": "Quuxaroo Zed"},
            [("email", "blank"), ("password", "password_too_similar")],
        ),
        (
            {"email": "a@b", "password": "test", "full_name": "Test\u202e"},
            [
                *(("email", "invalid"), ("password", "password_too_short")),
                *(("password", "password_too_common"), ("full_name", "invalid")),
            ],
        ),
        (
            {"email": "nonsense", "password": "x" * 60_000},
            [("email", "invalid"), ("password", "password_too_long")],
        ),
        ({"email": "nonsense", "password": 7}, [("email", "invalid"), ("password", "invalid")]),
        ({"email": "nonsense", "password": ""}, [("email", "invalid"), ("password", "blank")]),
        ({"email": "nonsense"}, [("email", "invalid")]),
    ],
)
def test_every_mistake_is_named_at_once(client, test_user_data, changes, named):
    answer = client.post(URL, {**test_user_data, **changes})

    errors = answer.json()["errors"]
    assert answer.status_code == 400
    assert [(e["attr"], e["code"]) for e in errors] == named
    assert answer.json()["detail"] == errors[0]["detail"]
    assert answer.json()["code"] == errors[0]["code"]
    assert not User.objects.exists()


def test_mistakes_are_named_alike_whether_or_not_the_address_has_an_account(
    client, user, test_user_data, settings
):
    for mode in ("optional", "required"):
        settings.EMAIL_VERIFICATION = mode
        answers = [
            client.post(URL, {"email": email, "password": "short12", "full_name": full_name})
            for email in (user.email, "new@example.com")
            for full_name in (None, 7)
        ]
        known, known_and_name, new, new_and_name = (answer.json()["errors"] for answer in answers)
        assert [answer.status_code for answer in answers] == [400] * 4
        assert known == new
        assert known_and_name == new_and_name == [*new, known_and_name[-1]]
    assert User.objects.count() == 1
