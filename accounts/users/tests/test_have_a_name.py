"""Which names are accepted, wherever one is given."""

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse

from accounts.staff.tests.test_look_after_users import form_of, page_of
from accounts.users.models import User

pytestmark = pytest.mark.django_db
TURNING = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
CONTROLLED = ["Ana\r\nBcc: all@example.com", "A\x85a", "Ana\u2028B", "\u202eoreneroM"]
UNSEEN = ["\u200b", "\u200b \u2060\ufeff", "\u3164", "\u200e", "\u2800", "\U000e0041", "\u00ad"]
NAMES = ["Ana", "אנה\u200f (Ana)", "آنا\u200cمورنو", "Ana\u00a0Moreno", "🐇", "👩\u200d🚀", "李"]
CONTROL = "Enter a name without control characters. If you pasted it, type it instead."
UNSEEABLE = "Enter a name that can be seen."
REFUSED = [
    *((f"Ana {chr(number)}Moreno", CONTROL) for number in TURNING),
    *((name, CONTROL) for name in CONTROLLED),
    *((name, UNSEEABLE) for name in UNSEEN),
]
refused = pytest.mark.parametrize(("name", "sentence"), REFUSED)


@refused
def test_sign_up_refuses_an_invalid_name(client, test_user_data, name, sentence):
    answer = client.post("/api/v1/auth/signup", {**test_user_data, "full_name": name})

    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"attr": "full_name", "code": "invalid", "detail": sentence}]
    assert not User.objects.exists()


@refused
def test_a_member_cannot_set_an_invalid_name(member, name, sentence):
    answer = member.patch("/api/v1/users/me", {"full_name": name})

    assert (answer.status_code, answer.json()["detail"]) == (400, sentence)
    assert User.objects.get().full_name == "Test User"


@refused
@pytest.mark.parametrize("make", ["prepare", "create_user", "create_superuser"])
def test_no_command_accepts_an_unacceptable_password(make, name, sentence):
    with pytest.raises(ValidationError, match=sentence):
        getattr(User.objects, make)("ana@example.com", "securepassword123", full_name=name)
    assert not User.objects.exists()


@pytest.mark.parametrize(("name", "sentence"), [REFUSED[0], REFUSED[-1]])
def test_staff_cannot_set_an_invalid_name(superuser, user, name, sentence):
    form = {"email": "new@example.com", "full_name": name, "usable_password": "false"}
    added = superuser.post(reverse("admin:accounts_user_add"), form)
    changed = superuser.post(page_of(user), form_of(superuser, page_of(user)) | {"full_name": name})

    for page in (added, changed):
        assert page.status_code == 200
        assert sentence in page.content.decode()
    assert not User.objects.filter(email="new@example.com").exists()
    assert User.objects.get(pk=user.pk).full_name == "Test User"


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_any_script_is_kept_as_it_is(client, test_user_data, name):
    answer = client.post("/api/v1/auth/signup", {**test_user_data, "full_name": name})

    assert (answer.status_code, answer.json()["user"]["full_name"]) == (201, name)


def test_a_name_that_was_stored_before_stays(member):
    User.objects.update(full_name="\u202eanA")

    assert member.get("/api/v1/users/me").json()["full_name"] == "\u202eanA"
    body = {"current_password": "testpassword123", "new_password": "newpassword123"}
    assert member.post("/api/v1/users/me/change-password", body).status_code == 200
    assert User.objects.get().full_name == "\u202eanA"
