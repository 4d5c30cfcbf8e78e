"""Two nodes behind nginx, on one database."""

import os
import re
import signal
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from deploy.tests.conftest import NAME

pytestmark = pytest.mark.postgresql

ANA = {"email": "ana@example.com", "password": "securepassword123"}
PRODUCTION = {
    "ENVIRONMENT": "production",
    "ALLOWED_HOSTS": NAME,
    "EMAIL_URL": "smtp://127.0.0.1",
    "EMAIL_FROM": "accounts@example.com",
    "TRUSTED_PROXIES": "127.0.0.0/8",
}


@pytest.fixture
def nodes(start_node):
    return [start_node(**PRODUCTION), start_node(**PRODUCTION)]


@pytest.fixture
def nginx(start_nginx, nodes):
    """Nginx in front of the nodes, and an account."""
    nginx = start_nginx(*[node.port for node in nodes])
    assert nginx.send("POST", "/api/v1/auth/signup", ANA).status == 201
    return nginx


def kill(node):
    """Kill the whole node at once; without its parent a worker would go on for a second."""
    pid = node.process.pid
    workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for process in (pid, *map(int, workers)):
        os.kill(process, signal.SIGKILL)
    node.process.wait()
    with suppress(ConnectionRefusedError, ConnectionResetError):
        while True:
            socket.create_connection(("127.0.0.1", node.port)).close()


def sign_in(nginx, **headers):
    answer = nginx.send("POST", "/api/v1/auth/signin", ANA, headers)
    assert answer.status == 200, answer.content
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_an_address_that_the_client_forges_is_not_believed(nginx):
    member = sign_in(nginx, **{"X-Forwarded-For": "203.0.113.9"})

    sessions = nginx.send("GET", "/api/v1/users/me/sessions", headers=member)

    assert [session["ip_address"] for session in sessions.json()] == ["127.0.0.1"]


def test_answers_of_the_service_pass_unchanged(nginx):
    answer = nginx.send("GET", "/api/v1/nowhere")

    assert (answer.status, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"]
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_name_that_is_not_ours_is_refused(nginx):
    answer = nginx.send("GET", "/docs", headers={"Host": "evil.example.com"})

    assert (answer.status, answer.json()["code"]) == (400, "bad_request")


def test_a_body_in_chunks_signs_in(nginx):
    chunks = iter([b'{"email": "ana@example.com",', b' "password": "securepassword123"}'])

    assert nginx.send("POST", "/api/v1/auth/signin", chunks).status == 200


def test_the_admins_form_is_sent_over_tls(nginx):
    """The admin's check of the origin needs the scheme and the host name."""
    page = nginx.send("GET", "/admin/login/")
    token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.content)[1].decode()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": page.headers["Set-Cookie"].partition(";")[0],
        "Origin": f"https://{NAME}",
        "Referer": f"https://{NAME}/admin/login/",
    }
    form = f"csrfmiddlewaretoken={token}&username=ana%40example.com&password=wrong"
    answer = nginx.send("POST", "/admin/login/", form, headers)

    assert answer.status == 200
    assert b"Please enter the correct" in answer.content


def test_no_client_notices_that_a_node_was_killed(nginx, nodes):
    member = sign_in(nginx)

    kill(nodes[0])

    for _ in range(10):
        sign_in(nginx)
        assert nginx.send("GET", "/api/v1/users/me", headers=member).status == 200


def test_without_any_node_it_is_502(nginx, nodes):
    member = sign_in(nginx)
    for node in nodes:
        kill(node)

    for _ in range(6):
        answer = nginx.send("GET", "/api/v1/users/me", headers=member)
        assert (answer.status, answer.json()["code"]) == (502, "unavailable")
        assert answer.headers["Retry-After"] == "5"
