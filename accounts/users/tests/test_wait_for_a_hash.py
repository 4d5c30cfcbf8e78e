"""Which requests wait for a hash, in which order, and which are refused."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Event
from time import sleep
from typing import Any

import pytest
from django.db import connection

from accounts.errors import Overloaded
from accounts.users import hashing_pool
from accounts.users.hashing_pool import HashingPool, Queues, Requester, Ticket, requester

SECONDS = 30  # After which a test fails instead of hanging.
OTHERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


class Crowd:
    """Requests that wait for a pool's only thread, and the order in which they had their turn."""

    def __init__(self, pool: HashingPool) -> None:
        self.pool, self.requests = pool, ThreadPoolExecutor(32)
        self.turns: list[str] = []

    def send(self, network: str, name: str = "", *, has_hashed: bool = False) -> Any:
        """Let a request wait for its hash, and return once it does."""

        def request() -> str:
            who = Requester(lambda: network)
            who.has_hashed = has_hashed
            requester.set(who)
            return self.pool.run(self.take_turn, name or network)

        length = self.pool.queues.length
        sent = self.requests.submit(copy_context().run, request)
        while self.pool.queues.length == length and not sent.done():
            sleep(0.001)
        return sent

    def take_turn(self, name: str) -> str:
        self.turns.append(name)
        return name


@pytest.fixture
def crowd():
    """Give a crowd whose pool is busy until ``crowd.let_go()``."""
    crowd: Any = Crowd(HashingPool(threads=1, patience=SECONDS, places=8))
    started, finish = Event(), Event()

    def hash_for_long() -> None:
        started.set()
        assert finish.wait(SECONDS)

    with crowd.requests:
        crowd.requests.submit(crowd.pool.run, hash_for_long)
        assert started.wait(SECONDS)
        crowd.let_go = finish.set
        yield crowd
        finish.set()


def test_networks_take_turns(crowd):
    sent = [crowd.send("flood", f"flood {turn}") for turn in range(4)]
    sent += [crowd.send("ana"), crowd.send("ben", "ben 0"), crowd.send("ben", "ben 1")]

    crowd.let_go()

    assert [request.result() for request in sent][-3:] == ["ana", "ben 0", "ben 1"]
    assert crowd.turns == ["flood 0", "ana", "ben 0", "flood 1", "ben 1", "flood 2", "flood 3"]


def test_a_request_that_has_waited_goes_on_before_others_of_its_network(crowd):
    sent = [crowd.send("flood", "flood 0"), crowd.send("ana")]
    sent.append(crowd.send("flood", "second hash", has_hashed=True))

    crowd.let_go()

    assert {request.result() for request in sent} == {"flood 0", "ana", "second hash"}
    assert crowd.turns == ["second hash", "ana", "flood 0"]


def test_the_requests_ahead_are_counted_in_the_order_of_their_turns():
    def number(name: str) -> Ticket:
        return Ticket(lambda: name)

    lines = Queues()
    for network in ["flood"] * 5 + ["ana"]:
        lines.add(network, number(network), first=False)

    assert lines.before("ben", first=False) == 2
    assert lines.before("ana", first=False) == 1 + 2
    assert lines.before("flood", first=False) == 5 + 1
    assert lines.before("flood", first=True) == 1


def test_a_request_that_would_wait_too_long_is_refused_at_once_and_the_others_hash(crowd):
    pool = crowd.pool
    sent = [crowd.send("flood") for _ in range(3)]
    pool.patience, pool.seconds = 3, 1  # Three wait for three seconds; a fourth would for four.

    refused = crowd.send("flood").exception(SECONDS)
    sent.append(crowd.send("ana"))  # After one that hashes and one of the flood.
    crowd.let_go()

    assert isinstance(refused, Overloaded)
    assert 4 <= refused.wait <= 4 + 2
    assert [request.result() for request in sent] == ["flood"] * 3 + ["ana"]
    assert pool.queues.length == 0


def test_with_every_place_taken_the_network_with_most_of_them_loses_one(crowd):
    ben = crowd.send("ben")
    flood = [crowd.send("flood") for _ in range(7)]
    refused = crowd.send("flood").exception(SECONDS)
    ana = crowd.requests.submit(copy_context().run, lambda: asked(crowd, "ana"))
    evicted = flood.pop().exception(SECONDS)
    crowd.let_go()

    assert isinstance(refused, Overloaded)
    assert isinstance(evicted, Overloaded)
    assert (ana.result(), ben.result()) == ("ana", "ben")
    assert [request.result() for request in flood] == ["flood"] * 6


def asked(crowd: Crowd, network: str) -> str:
    requester.set(Requester(lambda: network))
    return crowd.pool.run(crowd.take_turn, network)


def test_a_hash_whose_turn_comes_too_late_is_not_computed(crowd):
    crowd.pool.patience, crowd.pool.seconds = 0.05, 0.001

    late = crowd.send("ana").exception(SECONDS)
    crowd.let_go()

    assert isinstance(late, Overloaded)
    assert crowd.pool.run(crowd.take_turn, "next") == "next"
    assert crowd.turns == ["next"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "network"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::/64")],
)
def test_a_request_waits_in_the_line_of_its_network(client, user, monkeypatch, address, network):
    asked_for = []
    pool = HashingPool(threads=1, patience=SECONDS)
    add = pool.queues.add
    monkeypatch.setattr(hashing_pool, "pool", pool)
    monkeypatch.setattr(
        pool.queues,
        "add",
        lambda name, *args, **how: asked_for.append(name) or add(name, *args, **how),
    )
    body = {"email": "test@example.com", "password": "testpassword123"}

    answer = client.post("/api/v1/auth/signin", body, REMOTE_ADDR=address)

    assert answer.status_code == 200
    assert asked_for == [network]


def test_a_command_hashes_in_a_line_of_its_own(crowd):
    flood = [crowd.send("flood") for _ in range(2)]
    command = crowd.requests.submit(crowd.pool.run, crowd.take_turn, "command")
    while crowd.pool.queues.length < 3:
        sleep(0.001)
    crowd.let_go()

    assert [request.result() for request in [*flood, command]] == ["flood", "flood", "command"]
    assert crowd.turns == ["flood", "command", "flood"]


@pytest.mark.postgresql
def test_a_crowd_gets_in_while_others_read_and_the_connections_stay_few(start_node):
    """The server hashes at its full cost, so the crowd waits for seconds."""
    body = {"email": "test@example.com", "password": "testpassword123"}
    node = start_node(THROTTLING="false")  # All of them are one person, in one network.
    assert node.post("/api/v1/auth/signup", body)[0] == 201
    token = node.post("/api/v1/auth/signin", body)[1]["access_token"]

    with ThreadPoolExecutor(14) as people:
        sent = [people.submit(node.post, "/api/v1/auth/signin", body) for _ in range(14)]
        while not any(one.done() for one in sent):
            reads = [node.send("GET", "/api/v1/users/me", token=token)[0] for _ in range(5)]
        waiting = [one for one in sent if not one.done()]
        with connection.cursor() as cursor:
            cursor.execute(OTHERS)
            (connections,) = cursor.fetchone()
        statuses = [one.result()[0] for one in sent]

    assert reads == [200] * 5
    assert len(waiting) > 8  # As many threads as a worker had when each kept a connection.
    assert connections <= 5  # CONNECTIONS, as the server has it.
    assert statuses == [200] * 14


def test_a_turn_is_kept_for_all_that_is_hashed_in_it(crowd):
    def request() -> list[str]:
        requester.set(Requester(lambda: "ana"))
        with crowd.pool.turn():
            return [crowd.pool.run(crowd.take_turn, f"ana {number}") for number in range(2)]

    ana = crowd.requests.submit(copy_context().run, request)
    while not crowd.pool.queues.length:
        sleep(0.001)
    ben = crowd.send("ben")
    crowd.let_go()

    assert (ana.result(), ben.result()) == (["ana 0", "ana 1"], "ben")
    assert crowd.turns == ["ana 0", "ana 1", "ben"]
    assert crowd.pool.run(crowd.take_turn, "next") == "next"


def test_a_turn_in_which_all_fails_goes_to_the_next_one(crowd):
    crowd.let_go()
    seconds = crowd.pool.seconds

    with pytest.raises(ValueError, match="limit"), crowd.pool.turn():
        raise ValueError("limit")
    with pytest.raises(ZeroDivisionError), crowd.pool.turn():
        crowd.pool.run(lambda: 1 / 0)

    assert crowd.pool.run(crowd.take_turn, "next") == "next"
    assert crowd.pool.seconds <= seconds


@pytest.mark.postgresql
def test_right_passwords_of_one_network_wait_together_whatever_the_limit(start_node):
    body = {"email": "test@example.com", "password": "testpassword123"}
    node = start_node(SIGNIN_RATE_ACCOUNT_NETWORK="5/5m")
    assert node.post("/api/v1/auth/signup", body)[0] == 201

    with ThreadPoolExecutor(12) as people:
        sent = [people.submit(node.post, "/api/v1/auth/signin", body) for _ in range(12)]

    assert [one.result()[0] for one in sent] == [200] * 12


@pytest.mark.postgresql
def test_simultaneously_waiting_wrong_passwords_stay_within_the_limit(start_node):
    body = {"email": "test@example.com", "password": "wrongpassword123"}
    node = start_node(SIGNIN_RATE_ACCOUNT_NETWORK="5/5m")

    with ThreadPoolExecutor(12) as people:
        sent = [people.submit(node.post, "/api/v1/auth/signin", body) for _ in range(12)]

    assert sorted(one.result()[0] for one in sent) == [401] * 5 + [429] * 7
