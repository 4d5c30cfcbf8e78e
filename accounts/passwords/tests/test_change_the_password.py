import pytest

from accounts.actors.actor import Actor
from accounts.errors import InvalidToken, PasswordIncorrect
from accounts.me import flows as me
from accounts.passwords import flows
from accounts.reauthentication.proofs import Proof
from accounts.sessions.models import Session
from accounts.users.models import User

URL = "/api/v1/users/me/change-password"
ME = "/api/v1/users/me"
CHANGE = {"current_password": "testpassword123", "new_password": "newpassword123"}
pytestmark = pytest.mark.django_db


def test_a_member_changes_the_password(client, member, sign_in):
    other = sign_in()

    answer = member.post(URL, CHANGE)

    assert answer.status_code == 200
    assert answer.json() == {"message": "Password changed successfully"}
    assert (member.get(ME).status_code, other.get(ME).status_code) == (200, 401)
    old, new = (
        client.post("/api/v1/auth/signin", {"email": "test@example.com", "password": password})
        for password in (CHANGE["current_password"], CHANGE["new_password"])
    )
    assert (old.status_code, new.status_code) == (401, 200)
    refreshed = client.post(
        "/api/v1/auth/refresh", {"refresh_token": other.tokens["refresh_token"]}
    )
    assert refreshed.status_code == 401


@pytest.mark.parametrize(
    ("change", "attr", "code"),
    [
        ({"current_password": "wrongpassword123"}, "current_password", "password_incorrect"),
        ({"current_password": "testpassword123 "}, "current_password", "password_incorrect"),
        ({"current_password": None}, "current_password", "null"),
        ({"current_password": ""}, "current_password", "blank"),
        ({"new_password": "testpassword123"}, "new_password", "password_unchanged"),
        ({"new_password": "short12"}, "new_password", "password_too_short"),
        ({"new_password": "x" * 129}, "new_password", "password_too_long"),
        ({"new_password": "password"}, "new_password", "password_too_common"),
        ({"new_password": "test@example.com"}, "new_password", "password_too_similar"),
        ({"new_password": 12345678}, "new_password", "invalid"),
    ],
)
def test_invalid_input_is_named_and_changes_nothing(member, user, sign_in, change, attr, code):
    other = sign_in()

    answer = member.post(URL, {**CHANGE, **change})

    assert answer.status_code == 400
    assert [(e["attr"], e["code"]) for e in answer.json()["errors"]] == [(attr, code)]
    assert User.objects.get().password == user.password
    assert other.get(ME).status_code == 200


SHORT_AND_SIMILAR = [
    ("new_password", "password_too_short"),
    ("new_password", "password_too_common"),
    ("new_password", "password_too_similar"),
]


@pytest.mark.parametrize(
    ("current", "code"), [("wrong", "password_incorrect"), ("", "blank"), (7, "invalid")]
)
def test_every_mistake_is_named_at_once(member, user, current, code):
    answer = member.post(URL, {"current_password": current, "new_password": "test"})

    errors = answer.json()["errors"]
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert [(e["attr"], e["code"]) for e in errors] == [
        ("current_password", code),
        *SHORT_AND_SIMILAR,
    ]
    assert answer.json()["detail"] == errors[0]["detail"]
    assert User.objects.get().password == user.password


def test_the_current_password_is_always_needed(member, user):
    answer = member.post(URL, {"new_password": "newpassword123"})

    assert (answer.status_code, answer.json()["code"]) == (400, "required")
    assert User.objects.get().password == user.password


def test_a_stranger_is_refused(client, user):
    assert client.post(URL, CHANGE).status_code == 401
    assert User.objects.get().password == user.password


def test_a_stale_password_cannot_change_the_password(member, user):
    session = Session.objects.select_related("user").get()
    flows.set_by_staff(user, "anotherpassword123", Actor())

    with pytest.raises(InvalidToken):
        flows.change(session, "newpassword123", Proof("testpassword123"), Actor())
    assert User.objects.get().check_password("anotherpassword123")


def test_an_ended_session_cannot_change_the_password(sign_in, user):
    """The request came in time, and its hashes took longer than the sign-out."""
    sign_in(), sign_in()
    stolen, own = Session.objects.select_related("user").order_by("created_at")
    Session.objects.filter(pk=stolen.pk).revoke()

    with pytest.raises(InvalidToken):
        flows.change(stolen, "newpassword123", Proof("testpassword123"), Actor())
    with pytest.raises(InvalidToken):
        me.update(stolen, Actor(), password="newpassword123", full_name="Thief")

    unchanged = User.objects.get()
    assert (unchanged.password, unchanged.full_name) == (user.password, user.full_name)
    assert list(Session.objects.live()) == [own]


@pytest.mark.postgresql
def test_one_of_two_parallel_changes_wins(race, sign_in, user, settings):
    settings.THROTTLING = False

    def change(session, new_password):
        def run():
            try:
                flows.change(session, new_password, Proof("testpassword123"), Actor())
            except (InvalidToken, PasswordIncorrect):
                return None
            return new_password

        return run

    for _ in range(100):
        flows.set_by_staff(user, "testpassword123", Actor())
        sign_in(), sign_in()
        sessions = Session.objects.live().select_related("user")
        outcomes = race(*(change(s, f"newpassword{n}") for n, s in enumerate(sessions)))

        (winner,) = filter(None, outcomes)
        assert User.objects.get().check_password(winner)
        assert Session.objects.live().count() == 1


@pytest.mark.postgresql
def test_a_new_name_beside_a_new_password_never_restores_the_old_hash(race, member, user, settings):
    settings.THROTTLING = False
    for _ in range(100):
        flows.set_by_staff(user, "testpassword123", Actor())
        session = Session.objects.select_related("user").first()
        Session.objects.update(revoked_at=None)
        again = Session.objects.select_related("user").first()

        race(
            lambda: flows.change(session, "newpassword123", Proof("testpassword123"), Actor()),
            lambda: me.update(again, Actor(), full_name="Ana"),
        )

        changed = User.objects.get()
        assert changed.check_password("newpassword123")
        assert changed.full_name == "Ana"


@pytest.mark.postgresql
def test_a_change_beside_a_deletion_restores_no_account(race, test_user_data, sign_in):
    def update():
        try:
            me.update(again, Actor(), full_name="Ana")
        except InvalidToken:
            return

    for _ in range(100):
        user = User.objects.filter(email=test_user_data["email"]).first()
        user = user or User.objects.create_user(**test_user_data)
        sign_in()
        session, again = (Session.objects.select_related("user").get() for _ in range(2))

        race(lambda: me.delete(session, Actor()), update)

        assert not User.objects.exists()
        assert not Session.objects.exists()
