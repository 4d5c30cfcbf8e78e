"""Staff set their own password in the admin: not by the cookie alone, which may be stolen."""

import pytest
from django.test import Client as Browser

from accounts.staff.tests.test_end_the_admins_cookies import LOGIN, NEW, OWN, come_in, member
from accounts.staff.tests.test_look_after_users import page_of
from accounts.users.models import User

pytestmark = pytest.mark.django_db


def test_staff_set_their_password_only_with_the_old_one(superuser):
    root = User.objects.get()
    without = page_of(root, "auth_user_password_change")
    new = {"usable_password": "true", "password1": NEW, "password2": NEW}

    for answer in (superuser.get(without), superuser.post(without, new)):
        assert (answer.status_code, answer.headers["Location"]) == (302, OWN)
    wrong = {"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}
    assert [superuser.post(OWN, wrong).status_code for _ in range(6)] == [200] * 5 + [429]
    right = wrong | {"old_password": "securepassword123"}
    assert superuser.post(OWN, right).status_code == 429

    assert User.objects.get().password == root.password
    form = {"username": root.email, "password": "securepassword123"}
    assert Browser().post(LOGIN, form).status_code == 302  # Guesses block no sign-in.


def test_guesses_in_the_admin_count_with_those_in_the_api(client, user):
    User.objects.update(is_staff=True)
    helper = come_in(Browser())
    body = {"full_name": "Ana", "current_password": "wrong"}
    member(client)
    for number in range(4):
        peer = f"198.51.100.{number}"
        assert client.patch("/api/v1/users/me", body, REMOTE_ADDR=peer).status_code == 400

    form = {"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}
    assert [helper.post(OWN, form).status_code for _ in range(2)] == [200, 429]
    assert client.patch("/api/v1/users/me", body).status_code == 429
