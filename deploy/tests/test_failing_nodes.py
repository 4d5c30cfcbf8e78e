"""How nginx treats a node that refuses, is silent, or is slow."""

import time

import pytest

from deploy.tests.conftest import free_port
from deploy.tests.test_nginx import HEADERS, HEALTH, assert_problem


def test_a_node_that_refuses_connections_costs_no_answer(start_nginx, stub):
    nginx = start_nginx(stub.port, free_port())

    for method in ("GET", "POST", "PATCH") * 4:
        assert nginx.send(method, "/api/v1/users/me", {"full_name": "Ana"}).status == 200
    assert len(stub.requests) == 12


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_request_that_a_node_has_received_is_not_sent_again(start_nginx, start_stub, method):
    nodes = [start_stub(), start_stub()]
    nodes[0].is_silent = nodes[1].is_silent = True
    nginx = start_nginx(*[node.port for node in nodes])

    answer = nginx.send(method, "/api/v1/auth/signup", {"email": "ana@example.com"})

    assert_problem(answer, 502, "unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert HEADERS.items() <= dict(answer.headers).items()
    assert len(nodes[0].requests) + len(nodes[1].requests) == 1


def test_a_get_without_an_answer_is_sent_to_the_other_node(start_nginx, start_stub):
    nodes = [start_stub(), start_stub()]
    nodes[0].is_silent = True
    nginx = start_nginx(*[node.port for node in nodes])

    assert {nginx.send("GET", "/docs").status for _ in range(4)} == {200}
    assert nodes[0].requests


def test_a_node_that_takes_too_long_is_504(start_nginx, stub):
    nginx = start_nginx(stub.port, **{"proxy_read_timeout 30s": "proxy_read_timeout 1s"})

    answer = nginx.send("POST", "/api/slow", {})

    assert_problem(answer, 504, "unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert len(stub.requests) == 1


def test_a_recovered_node_gets_requests_again(start_nginx, start_stub):
    port = free_port()
    nginx = start_nginx(port, free_port())
    for _ in range(6):
        assert_problem(nginx.send("GET", HEALTH), 502, "unavailable")

    node = start_stub(port)
    give_up = time.monotonic() + 15
    while nginx.send("GET", HEALTH).status != 200:
        assert time.monotonic() < give_up
        time.sleep(0.2)

    assert {nginx.send("GET", HEALTH).status for _ in range(10)} == {200}
    assert len(node.requests) == 11
