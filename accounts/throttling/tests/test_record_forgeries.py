"""Forgeries record one row an hour for each network, even in a flood."""

from datetime import timedelta

import jwt
import pytest
import time_machine
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.events.models import Event
from accounts.throttling import forgeries
from accounts.throttling.models import Counter

ME = "/api/v1/users/me"
pytestmark = pytest.mark.django_db


def forged(token: str, key: str = "k" * 64, algorithm: str = "HS256") -> str:
    """Return the token with the same claims, signed with another key."""
    return jwt.encode(jwt.decode(token, options={"verify_signature": False}), key, algorithm)


def forgeries_recorded() -> list[tuple]:
    rows = Event.objects.filter(name="forgery_refused").order_by("pk")
    return [(row.details["reason"], row.ip_address, row.user_id, row.session_id) for row in rows]


def ask(client, token, address="192.0.2.7"):
    headers = {"Authorization": f"Bearer {token}"}
    answer = client.get(ME, headers=headers, REMOTE_ADDR=address)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")


def test_a_forged_access_token_is_recorded(client, member):
    ask(client, forged(member.tokens["access_token"]))

    assert forgeries_recorded() == [("token", "192.0.2.7", None, None)]


def test_a_token_with_another_algorithm_is_recorded(client, member):
    ask(client, forged(member.tokens["access_token"], settings.SIMPLE_JWT["SIGNING_KEY"], "HS384"))
    ask(client, forged(member.tokens["access_token"], "", "none"), "192.0.2.8")

    assert [address for _, address, _, _ in forgeries_recorded()] == ["192.0.2.7", "192.0.2.8"]


@pytest.mark.parametrize("path", ["refresh", "signout"])
def test_a_forged_refresh_token_is_recorded(client, member, path):
    sent = {"refresh_token": forged(member.tokens["refresh_token"])}

    assert client.post(f"/api/v1/auth/{path}", sent).status_code == 401

    assert forgeries_recorded() == [("token", "127.0.0.1", None, None)]
    assert member.get(ME).status_code == 200


def test_an_old_mangled_or_misplaced_token_is_no_forgery(client, member):
    access, refresh = member.tokens["access_token"], member.tokens["refresh_token"]
    for token in ("stale", f"{access}=", access[: access.rindex(".")], refresh, "a.b.c"):
        ask(client, token)
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        ask(client, access)

    assert forgeries_recorded() == []


def test_a_token_signed_with_our_older_key_is_no_forgery(client, member, monkeypatch):
    from accounts.sessions import tokens  # noqa: PLC0415 (its backend is replaced)

    old = tokens.RotatedBackend("o" * 64, [])
    monkeypatch.setattr(tokens.backend, "older", [old])

    answer = client.get(
        ME, headers={"Authorization": f"Bearer {forged(member.tokens['access_token'], 'o' * 64)}"}
    )

    assert answer.status_code == 200
    assert forgeries_recorded() == []


def test_a_foreign_host_is_recorded_without_its_name(client):
    for _ in range(2):
        assert client.get(ME, headers={"Host": "evil.example"}).status_code == 400

    assert forgeries_recorded() == [("host", "127.0.0.1", None, None)]
    assert "evil" not in str(Event.objects.values().get())


def test_a_form_from_elsewhere_is_recorded(user):
    browser = Client(enforce_csrf_checks=True)

    for _ in range(2):
        answer = browser.post(reverse("admin:login"), {"username": user.email, "password": "x"})
        assert answer.status_code == 403

    assert forgeries_recorded() == [("form", "127.0.0.1", None, None)]


def test_a_flood_is_one_row_and_then_one_read(client, member):
    token = forged(member.tokens["access_token"])
    ask(client, token)
    before = Counter.objects.values_list()[0]

    for number in range(20):
        with CaptureQueriesContext(connection) as asked:
            ask(client, forged(token, f"{number:064}"))
        assert [query["sql"].split()[0] for query in asked] == ["SELECT"] * len(asked)
        assert len(asked) == 1

    assert len(forgeries_recorded()) == 1
    assert Counter.objects.values_list()[0] == before


def test_each_kind_each_network_and_each_hour_has_a_row(client, member):
    token = forged(member.tokens["access_token"])
    for address in ("192.0.2.7", "192.0.2.8", "2001:db8:1:2::3", "2001:db8:1:9::4"):
        ask(client, token, address)
    assert len(forgeries_recorded()) == 3  # An IPv6 /48 is one.

    client.get(ME, headers={"Host": "evil.example"}, REMOTE_ADDR="192.0.2.7")
    assert len(forgeries_recorded()) == 4
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        ask(client, token)
    assert len(forgeries_recorded()) == 5


def test_a_good_token_costs_one_query_as_before(member, django_assert_num_queries):
    member.get(ME)

    with django_assert_num_queries(1):
        assert member.get(ME).status_code == 200


def test_a_database_in_trouble_changes_no_refusal(client, monkeypatch):
    def fail(*args):
        raise OperationalError

    monkeypatch.setattr(forgeries.throttling, "record_unless_reached", fail)

    assert client.get(ME, headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_one_of_16_simultaneous_forgeries_is_recorded(race, client, member):
    token = forged(member.tokens["access_token"])

    race(*[lambda: ask(client.__class__(), token)] * 16)

    assert len(forgeries_recorded()) == 1
