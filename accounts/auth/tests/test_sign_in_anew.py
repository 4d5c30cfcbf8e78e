"""A sign-in with the token of an existing session replaces that session."""

import pytest

from accounts.events.models import Event
from accounts.sessions.models import Session
from accounts.users.models import User

SIGNIN = "/api/v1/auth/signin"
ME = "/api/v1/users/me"
PASSWORD = "testpassword123"
pytestmark = pytest.mark.django_db


def test_the_session_before_ends_and_the_others_go_on(sign_in, user):
    member, other = sign_in(), sign_in()

    answer = member.post(SIGNIN, {"email": user.email, "password": PASSWORD})

    assert answer.status_code == 200
    assert member.get(ME).status_code == 401
    assert other.get(ME).status_code == 200
    anew = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert type(member)().get(ME, headers=anew).status_code == 200
    refresh = {"refresh_token": member.tokens["refresh_token"]}
    assert member.post("/api/v1/auth/refresh", refresh).status_code == 401
    assert Event.objects.filter(name="session_ended").count() == 1


def test_a_wrong_password_ends_nothing(sign_in, user):
    member = sign_in()

    answer = member.post(SIGNIN, {"email": user.email, "password": "wrong"})

    assert answer.status_code == 401
    assert member.get(ME).status_code == 200


@pytest.mark.parametrize("header", ["Bearer stale", "Bearer", "Bearer ", "Basic x", "Bearer a.b.c"])
def test_any_other_token_is_as_good_as_none(client, sign_in, user, header):
    sign_in()

    answer = client.post(
        SIGNIN, {"email": user.email, "password": PASSWORD}, headers={"Authorization": header}
    )

    assert answer.status_code == 200
    assert Session.objects.live().count() == 2


def test_the_session_of_another_person_goes_on(sign_in, user):
    member = sign_in()
    User.objects.create_user("other@example.com", PASSWORD)

    answer = member.post(SIGNIN, {"email": "other@example.com", "password": PASSWORD})

    assert answer.status_code == 200
    assert member.get(ME).status_code == 200
