import pytest
from django.contrib.auth.models import Group

from accounts.actors.actor import Actor
from accounts.auth import flows as auth
from accounts.errors import InvalidCredentials, InvalidToken
from accounts.me import flows
from accounts.passwords import flows as passwords
from accounts.sessions.models import Session
from accounts.users.models import User

URL = "/api/v1/users/me"
pytestmark = pytest.mark.django_db


def test_a_member_deletes_the_account_and_everything_it_owns(client, member, user, test_user_data):
    user.groups.add(Group.objects.create(name="testers"))

    answer = member.delete(URL)

    assert (answer.status_code, answer.content) == (204, b"")
    assert not User.objects.exists()
    assert not Session.objects.exists()
    assert member.get(URL).json()["code"] == "token_not_valid"
    assert client.post("/api/v1/auth/signin", test_user_data).status_code == 401
    assert client.post("/api/v1/auth/signup", test_user_data).status_code == 201


def test_a_wrong_current_password_deletes_nothing(member):
    answer = member.delete(URL, {"current_password": "wrong"})

    assert (answer.status_code, answer.json()["code"]) == (400, "password_incorrect")
    assert User.objects.exists()


def test_an_old_sign_in_needs_the_current_password(member, old_sign_in):
    refused = member.delete(URL)

    assert (refused.status_code, refused.json()["code"]) == (403, "reauthentication_required")
    assert User.objects.exists()
    assert member.delete(URL, {"current_password": "testpassword123"}).status_code == 204


def test_a_member_deletes_only_their_account(member):
    other = User.objects.create_user("other@example.com", "testpassword123")

    member.delete(URL)

    assert list(User.objects.all()) == [other]


def test_a_deleted_member_changes_and_deletes_nothing(member):
    session, again = (Session.objects.select_related("user").get() for _ in range(2))
    flows.delete(session, Actor())

    with pytest.raises(InvalidToken):
        flows.update(again, Actor(), full_name="Ana")
    with pytest.raises(InvalidToken):
        flows.delete(again, Actor())
    assert not User.objects.exists()


def test_a_stale_password_cannot_delete_the_account(member, user):
    session = Session.objects.select_related("user").get()
    passwords.set_by_staff(user, "anotherpassword123", Actor())

    with pytest.raises(InvalidToken):
        flows.delete(session, Actor())
    assert User.objects.exists()


def test_an_ended_session_cannot_delete_the_account(member):
    session = Session.objects.select_related("user").get()
    Session.objects.all().revoke()

    with pytest.raises(InvalidToken):
        flows.delete(session, Actor())
    assert User.objects.exists()


@pytest.mark.postgresql
def test_a_sign_in_beside_a_deletion_fails_cleanly(race, test_user_data, settings):
    settings.THROTTLING = False

    def delete():
        flows.delete(session, Actor())

    def sign_in():
        try:
            auth.signin(test_user_data["email"], test_user_data["password"], actor=Actor())
        except InvalidCredentials:
            return

    for _ in range(20):
        user = User.objects.create_user(**test_user_data)
        auth.signin(test_user_data["email"], test_user_data["password"], actor=Actor())
        session = Session.objects.select_related("user").get()
        race(delete, sign_in, sign_in)
        assert not User.objects.filter(pk=user.pk).exists()
        assert not Session.objects.exists()


@pytest.mark.postgresql
def test_the_second_of_two_deletions_finds_no_account(race, user, test_user_data):
    auth.signin(test_user_data["email"], test_user_data["password"], actor=Actor())

    def delete():
        try:
            flows.delete(session, Actor())
        except InvalidToken:
            return "gone"
        return "deleted"

    session = Session.objects.select_related("user").get()
    assert sorted(race(delete, delete)) == ["deleted", "gone"]
