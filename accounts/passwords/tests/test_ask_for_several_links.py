"""Several links to set one password: anyone may ask, so asking voids nothing."""

import pytest

from accounts.actors.actor import Actor
from accounts.errors import LinkNotValid
from accounts.outbox.models import Link
from accounts.passwords import flows
from accounts.passwords.tests.test_reset_the_password import (
    FORGOT,
    NEW,
    assert_refused,
    reset,
    token_in,
)
from accounts.throttling.models import Counter
from accounts.users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def ask(client, user, deliver):
    """Ask for one more link, as anyone may, and return its token."""

    def ask(peer: str = "198.51.100.1") -> str:
        body = {"email": user.email}
        assert client.post(FORGOT, body, REMOTE_ADDR=peer).status_code == 202
        return token_in(deliver()[-1])

    return ask


@pytest.fixture
def token(ask):
    """The token of a link the owner asked for."""
    return ask("127.0.0.1")


def test_a_stranger_who_asks_for_links_voids_none(client, ask, token, deliver):
    """Also at the end of one window of the limit and at the beginning of the next."""
    tokens = [token, *[ask() for _ in range(4)]]
    before = Link.objects.count(), len(deliver())
    client.post(FORGOT, {"email": "test@example.com"}, REMOTE_ADDR="198.51.100.2")
    assert (Link.objects.count(), len(deliver())) == before
    Counter.objects.all().delete()
    tokens += [ask("198.51.100.3") for _ in range(5)]

    assert len(set(tokens)) == 10
    assert reset(client, token).status_code == 200
    for other in tokens[1:]:
        assert_refused(reset(client, other, "yetanotherpassword1"))
    assert User.objects.get().check_password(NEW)


def test_only_ten_links_to_set_a_password_are_good(client, ask, token, settings):
    settings.THROTTLING = False
    tokens = [token, *[ask() for _ in range(10)]]

    assert Link.objects.count() == 10
    assert_refused(reset(client, tokens[0]))
    assert reset(client, tokens[1]).status_code == 200


@pytest.mark.postgresql
def test_one_of_two_simultaneously_used_links_wins_and_the_other_is_void(race, client, ask):
    def use(presented, password):
        def run():
            try:
                flows.reset(presented, password, Actor())
            except LinkNotValid:
                return None
            return password

        return run

    for _ in range(10):
        pair = [ask() for _ in range(2)]
        won = race(*(use(one, f"anotherpassword{n}") for n, one in enumerate(pair)))

        (winner,) = [password for password in won if password]
        assert User.objects.get().check_password(winner)
        assert not Link.objects.exists()
        for one in pair:
            assert_refused(reset(client, one))
        Counter.objects.all().delete()


def test_a_newer_link_leaves_the_older_one_good_until_one_is_used(client, ask, token):
    newer = ask()

    assert reset(client, token).status_code == 200
    assert_refused(reset(client, newer))
    assert User.objects.get().check_password(NEW)
