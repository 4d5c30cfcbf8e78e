"""Which requests nginx answers by itself, without a node."""

import json
import re
import socket
import subprocess
import time
from contextlib import closing
from http import HTTPStatus

import pytest

from deploy.tests.conftest import DEPLOY, NAME, Answer
from lazyrabbit import headers

HEALTH = "/api/health"
HOST = f"Host: {NAME}\r\n".encode()
MEMBERS = ["type", "title", "status", "detail", "code", "errors", "request_id"]
HEADERS = {
    **headers.API,
    "Access-Control-Allow-Origin": "*",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
}


def assert_problem(answer, status, code):
    """nginx's own error page is as complete as the service's."""
    problem = answer.json()
    assert (answer.status, problem["status"], problem["code"]) == (status, status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert list(problem) == MEMBERS
    assert problem["type"] == ("server_error" if status >= 500 else "client_error")
    assert problem["title"] == HTTPStatus(status).phrase
    assert re.fullmatch(r"[A-Z].+\.", problem["detail"])
    assert problem["errors"] == []
    assert re.fullmatch(r"[0-9a-f]{32}", problem["request_id"])
    assert answer.headers["X-Request-ID"] == problem["request_id"]
    assert answer.headers["Server"] == "nginx"
    assert headers.API.items() <= dict(answer.headers).items()


def test_the_configuration_is_clean(nginx):
    said = nginx.check().splitlines()
    # From 1.25.1 on, of the one spelling that older versions know, too.
    warning = '"listen ... http2" directive is deprecated'
    lines = [line for line in said if warning not in line]

    assert len(lines) == 2
    assert lines[0].endswith(" syntax is ok")
    assert lines[1].endswith(" test is successful")


def test_a_node_learns_of_the_client_from_nginx_alone(nginx, stub):
    forged = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Ssl": "off",
        "X-Forwarded-Protocol": "plain",
        "X-Forwarded-Host": "evil.example.com",
        "Forwarded": "for=203.0.113.9",
        "X-Request-ID": "forged-by-the-client",
    }
    heard = nginx.send("GET", HEALTH, headers=forged).json()["headers"]

    assert heard["X-Forwarded-For"] == "127.0.0.1"
    assert heard["X-Forwarded-Proto"] == "https"
    assert heard["Host"] == NAME
    assert re.fullmatch(r"[0-9a-f]{32}", heard["X-Request-ID"])
    assert not {"X-Forwarded-Ssl", "X-Forwarded-Protocol", "X-Forwarded-Host"} & set(heard)
    assert "Forwarded" not in heard
    assert heard["Connection"] == "close"


def test_the_api_is_refused_without_tls(nginx, stub):
    answer = nginx.send("POST", "/api/v1/auth/signin", {"password": "secret"}, tls=False)

    assert_problem(answer, 403, "https_required")
    assert "Strict-Transport-Security" not in answer.headers
    assert stub.requests == []


def test_pages_without_tls_are_sent_there(nginx, stub):
    answer = nginx.send("POST", "/account/reset-password?a=b", tls=False)

    assert answer.status == 308
    assert answer.headers["Location"] == f"https://{NAME}/account/reset-password?a=b"
    assert stub.requests == []


@pytest.mark.parametrize("path", [HEALTH, HEALTH + "/"])
def test_health_is_answered_without_tls(nginx, path):
    answer = nginx.send("GET", path, tls=False)

    assert answer.json()["headers"]["X-Forwarded-Proto"] == "http"


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/metrics/",
        "/%6detrics",
        "/x/../metrics",
        "/api/health/ready",
        "/api/health/ready/",
        "/api//health/ready",
        "/api/health/ready?x=1",
    ],
)
def test_paths_for_operators_are_not_found(nginx, stub, path):
    answer = nginx.send("GET", path)

    assert_problem(answer, 404, "not_found")
    assert HEADERS.items() <= dict(answer.headers).items()
    assert stub.requests == []


@pytest.mark.parametrize(
    ("path", "limit"), [("/api/v1/auth/signin", 64 * 1024), ("/admin/", 2560 * 1024)]
)
def test_a_body_may_be_as_large_as_the_service_takes(nginx, stub, path, limit):
    assert nginx.send("POST", path, b"a" * limit).json()["length"] == limit

    answer = nginx.send("POST", path, b"a" * (limit + 1))

    assert_problem(answer, 413, "body_too_large")
    assert HEADERS.items() <= dict(answer.headers).items()
    assert len(stub.requests) == 1


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (b"NONSENSE\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "bad_request"),
        (b"GET /%zz HTTP/1.1\r\n" + HOST + b"\r\n", 400, "bad_request"),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: canary\r\n\r\n", 400, "bad_request"),
        (b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n", 405, "method_not_allowed"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, "bad_request"),
        (b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"a" * 9000 + b"\r\n\r\n", 431, "bad_request"),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: a\r\n\r\n", 501, "error"),
        (b"GET / HTTP/3.0\r\n" + HOST + b"\r\n", 505, "error"),
    ],
)
def test_malformed_http_is_a_problem(nginx, stub, request_bytes, status, code):
    answer = nginx.send_bytes(request_bytes)

    assert_problem(answer, status, code)
    assert HEADERS.items() <= dict(answer.headers).items()
    assert ("Allow" in answer.headers) is (status == 405)
    assert b"canary" not in answer.content
    assert stub.requests == []


def test_plain_http_on_the_tls_port_is_a_problem(nginx):
    with closing(socket.create_connection(("127.0.0.1", nginx.tls_port))) as client:
        client.sendall(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        answer = client.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"Content-Type: application/problem+json\r\n" in answer


def test_too_many_requests_at_once_are_429(nginx):
    statuses = []
    with closing(nginx.connect()) as connection:
        while 429 not in statuses:
            connection.request("GET", HEALTH, headers={"Host": NAME})
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
            statuses.append(answer.status)

    assert len(statuses) > 100
    assert set(statuses) == {200, 429}
    assert_problem(answer, 429, "too_many_requests")
    assert answer.headers["Retry-After"] == "1"
    assert HEADERS.items() <= dict(answer.headers).items()


def test_a_body_in_chunks_arrives_with_its_length(nginx):
    chunks = iter([b'{"email":', b' "ana@example.com"}'])
    heard = nginx.send("POST", "/api/v1/auth/signin", chunks).json()

    assert heard["length"] == 28
    assert heard["headers"]["Content-Length"] == "28"
    assert "Transfer-Encoding" not in heard["headers"]


def test_a_slow_sender_waits_at_nginx(nginx, stub):
    head = b"POST /api/v1/auth/signin HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\n"
    with closing(nginx.connect()) as connection:
        connection.connect()
        connection.sock.sendall(head + b"ab")
        time.sleep(0.5)
        assert stub.requests == []
        connection.sock.sendall(b"cd")
        assert b" 200 OK" in connection.sock.recv(1000)

    assert [heard["length"] for heard in stub.requests] == [4]


def test_the_log_tells_what_was_asked_and_no_secret(nginx):
    nginx.send("GET", "/docs?token=canary")
    problem = nginx.send("POST", "/api/v1/auth/signin?token=canary", b"a" * 70_000).json()

    lines = []
    while len(lines) < 2:  # A line is written once the rest of the body has been thrown away.
        lines = list(map(json.loads, (nginx.folder / "access.log").read_text().splitlines()))
    assert [(line["request"], line["status"]) for line in lines] == [
        ("GET /docs", "200"),
        ("POST /api/v1/auth/signin", "413"),
    ]
    assert lines[1]["request_id"] == problem["request_id"]
    assert "canary" not in str(lines)


def test_http_2_is_spoken(nginx):
    def curl(*arguments):
        address = f"https://127.0.0.1:{nginx.tls_port}{HEALTH}"
        written = ["--output", "/dev/null", "--write-out", "%{http_version} %{response_code}"]
        command = ["curl", "--silent", "--insecure", *written, *arguments, address]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert curl("--http2") == "2 200"
    assert curl("--http1.1") == "1.1 200"
    assert curl("--http2", "--data-binary", "a" * 65537) == "2 413"


@pytest.mark.parametrize(("version", "is_spoken"), [("1_1", False), ("1_2", True), ("1_3", True)])
def test_only_tls_that_is_still_good_is_spoken(nginx, version, is_spoken):
    address = f"127.0.0.1:{nginx.tls_port}"
    # A client of today has to be talked into the old ciphers.
    command = ["openssl", "s_client", "-connect", address, f"-tls{version}"]
    command += ["-cipher", "DEFAULT@SECLEVEL=0"]
    spoken = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)

    assert (spoken.returncode == 0) is is_spoken


def test_every_status_of_a_problem_has_its_title():
    text = (DEPLOY / "nginx/accounts/server.conf").read_text()
    members = (DEPLOY / "nginx/accounts/problem-members.conf").read_text()
    named = {int(status) for status in re.findall(r"error_page ([\d ]+) /", text)[0].split()}
    titles = {int(status): title for status, title in re.findall(r'(\d{3}) "([^"]+)";', members)}

    assert named | {431} <= titles.keys()
