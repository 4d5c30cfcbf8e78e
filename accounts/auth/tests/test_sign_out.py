from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.actors.actor import Actor
from accounts.conftest import sign_in_as
from accounts.sessions import flows as sessions
from accounts.sessions.models import Session
from accounts.users.models import User

URL = "/api/v1/auth/signout"
ME = "/api/v1/users/me"
pytestmark = pytest.mark.django_db


@pytest.fixture
def others(sign_in):
    """Two more devices of the user."""
    return [sign_in(), sign_in()]


@pytest.fixture
def stranger(db):
    """Another person's live session."""
    other = User.objects.create_user("other@example.com", "testpassword123")
    now = timezone.now()
    return Session.objects.create(
        user=other, created_at=now, last_used_at=now, expires_at=now + timedelta(days=1)
    )


def are_signed_in(*members) -> list[bool]:
    return [member.get(ME).status_code == 200 for member in members]


@pytest.mark.parametrize(
    ("body", "still_signed_in"),
    [
        ({}, [False, True, True]),
        ({"scope": "local"}, [False, True, True]),
        ({"scope": "others"}, [True, False, False]),
        ({"scope": "global"}, [False, False, False]),
    ],
)
def test_a_member_signs_out(member, others, stranger, body, still_signed_in):
    answer = member.post(URL, body)

    assert (answer.status_code, answer.content) == (204, b"")
    assert are_signed_in(member, *others) == still_signed_in
    assert Session.objects.live().filter(pk=stranger.pk).exists()


@pytest.mark.parametrize(("scope", "still_in"), [("global", False), ("others", True)])
def test_signing_out_everywhere_includes_the_admin(member, user, superuser, scope, still_in):
    User.objects.filter(pk=user.pk).update(is_staff=True)
    browser = sign_in_as(user)

    member.post(URL, {"scope": scope})

    assert (browser.get("/admin/").status_code == 200) is still_in
    assert superuser.get("/admin/").status_code == 200


@pytest.mark.parametrize("scope", ["local", "others", "global"])
def test_the_second_time_is_a_204_too(member, others, scope):
    assert member.post(URL, {"scope": scope}).status_code == 204
    assert member.post(URL, {"scope": scope}).status_code == 204


def test_the_refresh_token_is_enough_when_the_access_token_has_expired(member, others):
    body = {"refresh_token": member.tokens["refresh_token"]}

    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        expired = member.post(URL, {})
        assert (expired.status_code, expired.json()["code"]) == (401, "token_not_valid")
        assert member.post(URL, body).status_code == 204
        assert member.post(URL, body).status_code == 204

    assert are_signed_in(member, *others) == [False, True, True]


def test_the_refresh_token_alone_is_enough(client, member, others):
    body = {"refresh_token": member.tokens["refresh_token"], "scope": "global"}

    assert client.post(URL, body).status_code == 204
    assert are_signed_in(member, *others) == [False, False, False]


def test_both_tokens_of_one_session_are_accepted(member):
    body = {"refresh_token": member.tokens["refresh_token"]}

    assert member.post(URL, body).status_code == 204
    assert are_signed_in(member) == [False]


def test_another_sessions_refresh_token_beside_a_good_access_token_is_refused(member, others):
    for scope in ("local", "others", "global"):
        body = {"refresh_token": others[0].tokens["refresh_token"], "scope": scope}
        answer = member.post(URL, body)

        assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
    assert are_signed_in(member, *others) == [True, True, True]


def test_another_persons_refresh_token_beside_a_good_access_token_is_refused(member, stranger):
    body = {"refresh_token": sessions.issue(stranger).refresh_token}
    for scope in ("local", "others", "global"):
        answer = member.post(URL, {**body, "scope": scope})

        assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
    assert are_signed_in(member) == [True]
    assert Session.objects.live().filter(pk=stranger.pk).exists()


def test_the_token_of_a_deleted_account_is_refused(member, user):
    user.delete()

    answer = member.post(URL, {})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer a b", "Bearer x", "Basic x"])
def test_beside_a_good_refresh_token_an_odd_header_does_not_matter(client, member, header):
    body = {"refresh_token": member.tokens["refresh_token"]}

    assert client.post(URL, body, headers={"Authorization": header}).status_code == 204
    assert are_signed_in(member) == [False]


@pytest.mark.postgresql
def test_a_sign_out_holds_on_another_node_at_once(user, nodes):
    first, second = nodes
    for _ in range(5):
        tokens = sessions.start(user, Actor())
        body = {"refresh_token": tokens.refresh_token}

        assert first.post(URL, body)[0] == 204
        assert second.post("/api/v1/auth/refresh", body)[0] == 401


@pytest.mark.parametrize("token", ["x", "a.b.c", "x" * 10_000])
def test_an_invalid_refresh_token_is_refused(client, member, token):
    for caller in (client, member):
        answer = caller.post(URL, {"refresh_token": token})
        assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
    assert are_signed_in(member) == [True]


def test_without_any_token_there_is_nothing_to_end(client, member):
    answer = client.post(URL, {})

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert are_signed_in(member) == [True]


@pytest.mark.parametrize("scope", ["others", "global"])
def test_the_token_of_an_ended_session_ends_no_other(client, member, others, scope):
    """A thief may hold it: that may be why it was ended."""
    member.post(URL, {})

    for caller, body in (
        (member, {"scope": scope}),
        (client, {"scope": scope, "refresh_token": member.tokens["refresh_token"]}),
    ):
        answer = caller.post(URL, body)
        assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
    assert are_signed_in(*others) == [True, True]


def test_a_used_up_refresh_token_ends_only_its_session(client, member, others):
    stolen = member.tokens["refresh_token"]
    with time_machine.travel(timezone.now(), tick=False) as clock:
        used = client.post("/api/v1/auth/refresh", {"refresh_token": stolen}).json()
        client.get(ME, headers={"Authorization": f"Bearer {used['access_token']}"})
        clock.shift(11)
        answer = client.post(URL, {"refresh_token": stolen, "scope": "global"})

    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
    assert are_signed_in(member, *others) == [False, True, True]


@pytest.mark.parametrize("scope", ["", "everywhere", 7, None, [], {"a": 1}, True])
def test_another_scope_is_refused(member, scope):
    answer = member.post(URL, {"scope": scope})

    assert answer.status_code == 400
    assert answer.json()["detail"] == "Scope must be local, others or global."
    assert [error["attr"] for error in answer.json()["errors"]] == ["scope"]
    assert are_signed_in(member) == [True]
