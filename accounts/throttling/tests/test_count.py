"""Counters: exact, however many count at once."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from accounts.actors.actor import Actor
from accounts.actors.ip_addresses import network
from accounts.errors import TooManyAttempts
from accounts.management.commands import purge
from accounts.throttling import flows
from accounts.throttling.limits import Limit, limit
from accounts.throttling.models import Counter

MINUTE = timedelta(minutes=1)
pytestmark = pytest.mark.django_db


def limited(key: str, maximum: int) -> Limit:
    return Limit(key, "NAME", maximum, MINUTE)


def take(*limits: Limit) -> None:
    flows.take(flows.Attempt(limits, Actor()))


def test_an_attempt_given_back_after_its_window_is_lost(clock):
    taken = limited("key", 1)
    take(taken)
    clock.shift(60)
    flows.give_back([taken])

    take(taken)
    with pytest.raises(TooManyAttempts):
        take(taken)


def test_a_refusal_by_one_limit_uses_up_no_other(clock):
    full, free = limited("a", 1), limited("b", 2)
    take(full)

    for _ in range(5):
        with pytest.raises(TooManyAttempts):
            take(free, full)
    take(free)
    assert Counter.objects.get(key="b").count == 1


def test_counters_are_purged_when_their_window_is_over(clock, monkeypatch):
    monkeypatch.setattr(purge, "BATCH", 2)
    for number in range(5):
        take(limited(f"over {number}", 1))
    clock.shift(60)
    take(limited("open", 1))

    output = StringIO()
    call_command("purge", stdout=output)

    assert "5 counters purged.\n" in output.getvalue()
    assert Counter.objects.get().key == "open"


@pytest.mark.parametrize(
    ("address", "its_network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (None, ""),
    ],
)
def test_a_network_is_an_ipv4_address_or_an_ipv6_64(address, its_network):
    assert network(address) == its_network


def test_a_success_is_uncounted_without_a_check_of_the_connection(monkeypatch):
    monkeypatch.setattr(connection, "is_usable", lambda: pytest.fail("a statement more"))
    attempt = flows.Attempt([limited("key", 5)], Actor())

    with flows.counting_failures(attempt, ValueError):
        assert Counter.objects.get().count == 1

    assert Counter.objects.get().count == 0


@pytest.mark.postgresql
def test_a_limit_of_20_lets_20_of_300_parallel_attempts_through(race):
    taken = limit("SIGNIN_RATE_NETWORK", "192.0.2.1")._replace(maximum=20)

    def attack() -> int:
        through = 0
        for _ in range(15):
            try:
                take(taken)
            except TooManyAttempts:
                continue
            through += 1
        return through

    assert sum(race(*[attack] * 20)) == 20
    assert Counter.objects.get().count == 20


@pytest.mark.postgresql
def test_takers_of_several_limits_never_wait_for_each_other_in_a_circle(race):
    first, second = limited("a", 1000), limited("b", 1000)

    def churn(limits):
        def run():
            for _ in range(50):
                take(*limits)
                flows.give_back(limits)

        return run

    race(*(churn(pair) for pair in [[first, second], [second, first]] * 4))

    assert set(Counter.objects.values_list("count", flat=True)) == {0}
