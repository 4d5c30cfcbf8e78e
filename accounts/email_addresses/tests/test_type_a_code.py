"""The six digits of a mail work like its link for a person who is signed in or signs in."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.events.models import Event
from accounts.links.models import Link
from accounts.users.models import User

SIGNUP = "/api/v1/auth/signup"
SIGNIN = "/api/v1/auth/signin"
VERIFY = "/api/v1/auth/verify-email"
RESEND = "/api/v1/auth/resend-verification"
CHANGE = "/api/v1/users/me/change-email"
CONFIRM = "/api/v1/auth/confirm-email-change"
ME = "/api/v1/users/me"
NO_CODES = ["12345", "1234567", "12345a", " 123456", "\uff11" * 6, 123456]
PERSON = {"email": "test@example.com", "password": "testpassword123"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def coded(deliver):
    """Deliver, and return the code of the last mail."""

    def coded() -> str:
        (code,) = re.findall(r"(?<![\w-])[0-9]{6}(?![\w-])", deliver()[-1].body)
        return code

    return coded


def others(code: str) -> list[str]:
    """Return codes that are not this one."""
    return [f"{(int(code) + number) % 10**6:06}" for number in range(1, 100)]


def signed_in(client, person=PERSON):
    member = type(client)()
    tokens = client.post(SIGNIN, person).json()
    member.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access_token']}")
    return member


@pytest.fixture
def code(client, coded):
    assert client.post(SIGNUP, PERSON).status_code == 201
    return coded()


def refused(answer, status: int, code: str) -> bool:
    return (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_signed_in_person_enters_the_code(client, code):
    member = signed_in(client)

    assert member.post(VERIFY, {"code": code}).json() == {"message": "Email verified successfully"}

    assert member.get(ME).json()["email_verified"] is True
    assert refused(member.post(VERIFY, {"code": code}), 400, "code_incorrect")


@pytest.mark.parametrize("mode", ["open", "approval"])
def test_a_person_who_may_not_sign_in_enters_the_code_with_the_password(
    client, coded, settings, mode
):
    settings.EMAIL_VERIFICATION, settings.SIGNUP_MODE = "required", mode
    client.post(SIGNUP, PERSON)

    assert client.post(VERIFY, {"code": coded(), **PERSON}).status_code == 200

    assert User.objects.get().email_verified
    assert client.post(SIGNIN, PERSON).status_code == (200 if mode == "open" else 403)


def test_the_code_alone_proves_nothing(client, code):
    for more in ({}, {"email": PERSON["email"]}, {"password": PERSON["password"]}):
        assert refused(client.post(VERIFY, {"code": code, **more}), 403, "ownership_required")

    wrong = {"code": code, **PERSON, "password": "wrong"}
    assert refused(client.post(VERIFY, wrong), 401, "invalid_credentials")
    assert not User.objects.get().email_verified
    assert client.post(VERIFY, {"code": code, **PERSON}).status_code == 200


def test_the_password_is_guessed_there_no_more_often_than_at_sign_in(client, code):
    wrong = {"code": code, **PERSON, "password": "wrong"}

    statuses = [client.post(VERIFY, wrong).status_code for _ in range(6)]

    assert statuses == [401] * 5 + [429]
    assert client.post(SIGNIN, PERSON).status_code == 429


def test_five_wrong_codes_void_the_right_one_and_not_the_link(client, code, coded, deliver):
    member = signed_in(client)
    for wrong in others(code)[:5]:
        assert refused(member.post(VERIFY, {"code": wrong}), 400, "code_incorrect")

    assert refused(member.post(VERIFY, {"code": code}), 400, "code_incorrect")

    assert not User.objects.get().email_verified
    token = deliver()[-1].body.split("#token=")[1].split()[0]
    assert member.post(VERIFY, {"token": token}).status_code == 200


def test_a_new_mail_brings_a_new_code_and_voids_the_old_one(client, code, coded):
    member = signed_in(client)
    client.post(RESEND, {"email": PERSON["email"]})
    newer = coded()

    assert newer == code or refused(member.post(VERIFY, {"code": code}), 400, "code_incorrect")
    assert member.post(VERIFY, {"code": newer}).status_code == 200


def test_new_mails_do_not_allow_guessing_for_ever(client, code, coded, settings):
    """A stranger who signed up with a victim's email address can ask for mails."""
    settings.CODE_RATE_ACCOUNT = (7, timedelta(days=1))
    member = signed_in(client)
    for wrong in others(code)[:5]:
        member.post(VERIFY, {"code": wrong})
    client.post(RESEND, {"email": PERSON["email"]})
    newer = coded()
    guesses = [member.post(VERIFY, {"code": wrong}).status_code for wrong in others(newer)[:3]]

    assert guesses == [400, 400, 429]
    assert member.post(VERIFY, {"code": newer}).status_code == 429
    assert not User.objects.get().email_verified
    assert Event.objects.filter(name="limit_reached").count() == 1
    with time_machine.travel(timezone.now() + timedelta(hours=23)):
        again = signed_in(client)
        assert again.post(VERIFY, {"code": newer}).status_code == 429


def test_a_code_is_good_for_a_day(client, code):
    with time_machine.travel(timezone.now() + timedelta(hours=24, minutes=1)):
        late = {"code": code, **PERSON}
        assert refused(client.post(VERIFY, late), 400, "code_incorrect")
    assert not User.objects.get().email_verified


@pytest.mark.parametrize(
    ("body", "attr", "why"),
    [
        ({}, "token", "invalid"),
        ({"token": "x", "code": "123456"}, "token", "invalid"),
        *(({"code": code}, "code", "invalid") for code in NO_CODES),
        ({"code": ""}, "code", "blank"),
        ({"code": None}, "code", "null"),
        ({"token": "x", "start_over": "yes"}, "start_over", "invalid"),
        ({"token": "x", "start_over": None}, "start_over", "null"),
    ],
)
def test_invalid_input_uses_no_attempt(client, code, body, attr, why):
    answer = client.post(VERIFY, body)

    assert answer.status_code == 400
    assert [(e["attr"], e["code"]) for e in answer.json()["errors"]] == [(attr, why)]
    assert Link.objects.get().code_attempts == 0


def test_neither_the_table_nor_the_queue_holds_the_code(client, code):
    from django_tasks_db.models import DBTaskResult  # noqa: PLC0415

    assert code not in str(list(Link.objects.values("digest", "code_digest")))
    assert code not in str(list(DBTaskResult.objects.values("args_kwargs")))


def test_the_code_of_one_account_is_not_anothers(client, code):
    other = {"email": "other@example.com", "password": "otherspassword1"}
    User.objects.create_user(**other)

    assert refused(client.post(VERIFY, {"code": code, **other}), 400, "code_incorrect")
    assert not User.objects.filter(email_verified_at__isnull=False).exists()


def test_a_code_outlives_a_change_of_the_key(client, code, settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-that-is-as-long-as-it-has-to-be"

    assert client.post(VERIFY, {"code": code, **PERSON}).status_code == 200


def test_a_new_address_is_confirmed_with_its_code(client, member, coded):
    member.post(CHANGE, {"new_email": "new@example.com"})
    code = coded()
    assert refused(client.post(CONFIRM, {"code": code}), 403, "ownership_required")
    assert refused(member.post(VERIFY, {"code": code}), 400, "code_incorrect")

    assert client.post(CONFIRM, {"code": code, **PERSON}).status_code == 200

    assert User.objects.get().email == "new@example.com"


def test_start_over_is_nothing_for_a_new_address(client, member, coded, deliver):
    """A mistyped email address may be a stranger's, and the code would give them the account."""
    member.post(CHANGE, {"new_email": "new@example.com"})
    token = deliver()[-1].body.split("#token=")[1].split()[0]

    answer = client.post(CONFIRM, {"token": token, "start_over": True})

    assert refused(answer, 403, "ownership_required")
    assert member.get(ME).json()["email"] == "test@example.com"


@pytest.mark.postgresql
def test_five_of_16_parallel_guesses_are_checked(race, client, code):
    member = signed_in(client)
    guesses = [*others(code)[:15], code]

    answers = race(*[lambda guess=guess: member.post(VERIFY, {"code": guess}) for guess in guesses])

    assert Link.objects.filter(code_attempts__lte=5).count() == 1
    right = [answer for answer in answers if answer.status_code == 200]
    assert len(right) == User.objects.exclude(email_verified_at=None).count() <= 1


@pytest.mark.postgresql
def test_one_of_4_parallel_uses_of_a_code_verifies(race, client, code):
    body = {"code": code, **PERSON}
    answers = race(*[lambda: client.post(VERIFY, body)] * 4)

    assert [answer.status_code for answer in answers].count(200) == 1
    refusals = [answer for answer in answers if answer.status_code != 200]
    assert [answer.json()["code"] for answer in refusals] == ["code_incorrect"] * 3
    assert Event.objects.filter(name="email_verified").count() == 1
