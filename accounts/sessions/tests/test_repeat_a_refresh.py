"""A repeated refresh token: a lost answer, a second tab, or a thief."""

from datetime import timedelta

import jwt
import pytest
from django.db.models import F

from accounts.actors.actor import Actor
from accounts.events.models import Event
from accounts.sessions import flows
from accounts.sessions.models import Session
from accounts.sessions.tests.test_present_a_token import raw
from accounts.sessions.tests.test_refresh_a_session import (
    ME,
    URL,
    assert_refused,
    clock,
    opens,
    refresh,
    refresh_from,
    tokens,
)

__all__ = ["clock", "tokens"]  # Fixtures.
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("later", [timedelta(0), timedelta(minutes=20), timedelta(days=6)])
def test_a_lost_answer_is_given_again_however_late(client, tokens, clock, later):
    lost = refresh(client, tokens["refresh_token"]).json()
    clock.shift(later)
    again = refresh(client, tokens["refresh_token"])

    assert again.status_code == 200
    assert again.json()["refresh_token"] == lost["refresh_token"]
    assert opens(client, again.json())
    assert Session.objects.get().generation == 1


def test_an_answer_may_be_lost_again_and_again_in_any_network(client, tokens, clock):
    answers = set()
    for number in range(5):
        answer = refresh_from(f"192.0.2.{number}", client, tokens)
        answers.add(answer.json()["refresh_token"])
        clock.shift(3600)

    assert len(answers) == 1
    assert Session.objects.live().get().generation == 1


@pytest.mark.parametrize("seconds", [0, 1, 10])
def test_two_tabs_get_the_same_successor(client, tokens, clock, seconds):
    first = refresh(client, tokens["refresh_token"]).json()
    clock.shift(60)
    assert opens(client, first)
    clock.shift(seconds)
    second = refresh(client, tokens["refresh_token"])

    assert second.status_code == 200
    assert second.json()["refresh_token"] == first["refresh_token"]


def test_the_grace_after_the_first_use_is_for_the_network_that_refreshed(client, tokens, clock):
    owners = refresh_from("192.0.2.1", client, tokens).json()
    assert opens(client, owners)

    assert_refused(refresh_from("198.51.100.9", client, tokens))

    assert opens(client, owners)
    assert refresh(client, owners["refresh_token"]).status_code == 200
    assert not Event.objects.filter(name="refresh_reuse").exists()


@pytest.mark.parametrize("first", ["198.51.100.9", "192.0.2.1"])
def test_the_second_use_by_thief_or_owner_ends_the_session(client, tokens, clock, first):
    used = refresh_from(first, client, tokens).json()
    assert opens(client, used)
    clock.shift(60)

    second = "192.0.2.1" if first == "198.51.100.9" else "198.51.100.9"
    assert_refused(refresh_from(second, client, tokens))

    assert not opens(client, used)
    assert not Session.objects.live().exists()


def test_the_tokens_before_say_nothing_of_the_first_use(client, tokens, clock):
    lost = refresh(client, tokens["refresh_token"]).json()
    assert opens(client, tokens)
    clock.shift(60)

    again = refresh(client, tokens["refresh_token"])

    assert again.json()["refresh_token"] == lost["refresh_token"]


def test_an_access_token_of_the_version_before_is_a_first_use(client, tokens, clock):
    successor = refresh(client, tokens["refresh_token"]).json()
    claims = jwt.decode(successor["access_token"], options={"verify_signature": False})
    del claims["gen"]
    assert opens(client, {"access_token": raw(claims)})
    clock.shift(11)

    assert_refused(refresh(client, tokens["refresh_token"]))


def test_only_the_first_use_writes(client, tokens, django_assert_num_queries):
    successor = refresh(client, tokens["refresh_token"]).json()
    with django_assert_num_queries(2) as queries:
        assert opens(client, successor)
    assert queries[1]["sql"].strip().startswith("UPDATE")
    for used in (successor, tokens):
        with django_assert_num_queries(1):
            assert opens(client, used)


@pytest.mark.postgresql
def test_a_first_use_on_one_node_holds_on_the_other(race, user, nodes):
    tokens = flows.start(user, Actor())
    one, other = nodes
    _, successor = one.post(URL, {"refresh_token": tokens.refresh_token})
    calls = [
        lambda node=node: node.send("GET", ME, token=successor["access_token"]) for node in nodes
    ]
    assert [status for status, _ in race(*calls * 8)] == [200] * 16
    Session.objects.update(first_used_at=F("first_used_at") - timedelta(seconds=11))
    Session.objects.update(last_used_at=F("last_used_at") - timedelta(seconds=11))

    assert other.post(URL, {"refresh_token": tokens.refresh_token})[0] == 401
    assert not Session.objects.live().exists()
