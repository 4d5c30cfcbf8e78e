"""The server as `make run` starts it."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from lazyrabbit.tests.conftest import PRODUCTION

ROOT = Path(__file__).parent.parent.parent
KEPT = {"PATH", "COVERAGE_PROCESS_CONFIG"}  # All that the processes see of ours.


@pytest.fixture
def running(start, port):
    """Start a server, and return its port when it listens."""
    start()
    for _ in range(200):
        with socket.socket() as attempt:
            if not attempt.connect_ex(("127.0.0.1", port)):
                break
        time.sleep(0.05)
    return port


@pytest.fixture
def send(running):
    """Send bytes to a server, and return the status, the content type and the body."""

    def send(request: bytes):
        with closing(socket.create_connection(("127.0.0.1", running), timeout=10)) as server:
            server.sendall(request)
            answer = http.client.HTTPResponse(server)
            answer.begin()
            return answer.status, answer.headers["Content-Type"], answer.read()

    return send


def test_the_server_says_where_everything_is(start, port):
    process = start()
    printed = ""
    while "the admin" not in printed:
        line = process.stdout.readline()
        assert line, printed
        printed += line

    assert f"http://127.0.0.1:{port}/api/v1/" in printed
    assert f"http://127.0.0.1:{port}/docs" in printed
    assert f"http://127.0.0.1:{port}/admin/" in printed
    assert "make superuser" in printed


def test_a_port_that_is_taken_is_one_clear_sentence(start, port):
    with socket.create_server(("127.0.0.1", port)):
        printed, _ = start().communicate(timeout=30)

    assert printed.splitlines()[-1] == (
        f"Port {port} is in use: stop what listens there, or say PORT=8001."
    )
    assert "Traceback" not in printed


def test_settings_that_cannot_be_used_stop_the_server(start):
    process = start(ALGORITHM="none", DEBUG="perhaps")
    printed, _ = process.communicate(timeout=30)

    assert process.returncode == 1
    assert "Traceback" not in printed
    assert {line.partition(":")[0] for line in printed.splitlines()[1:]} == {"ALGORITHM", "DEBUG"}


@pytest.mark.parametrize(("proxies", "is_warned"), [("", True), ("10.0.0.0/8", False)])
def test_production_without_trusted_proxies_is_warned(start, proxies, is_warned):
    process = start(
        ENVIRONMENT="production",
        EMAIL_URL="smtp://127.0.0.1",
        EMAIL_FROM="accounts@example.com",
        SECRET_KEY=PRODUCTION["SECRET_KEY"],
        ALLOWED_HOSTS="accounts.example.com",
        TRUSTED_PROXIES=proxies,
    )
    printed = ""
    while "Booting worker" not in printed:
        line = process.stdout.readline()
        assert line, printed
        printed += line

    assert ("TRUSTED_PROXIES is empty" in printed) is is_warned


@pytest.mark.parametrize(("proxies", "status"), [("10.0.0.0/8", 403), ("127.0.0.0/8", 401)])
def test_only_a_trusted_proxy_is_believed_that_a_request_came_over_https(
    start, port, proxies, status
):
    process = start(**PRODUCTION, TRUSTED_PROXIES=proxies)
    while "Booting worker" not in process.stdout.readline():
        pass

    def ask(proto: str) -> int:
        headers = {"Host": "accounts.example.com", "X-Forwarded-Proto": proto}
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as server:
            server.request("GET", "/api/v1/users/me", headers=headers)
            return server.getresponse().status

    for https in ("https", "https, https", "HTTPS", "https,HTTPS"):
        assert ask(https) == status, https
    for http_somewhere in ("http", "http, https", "https, http", "https, https, http", ""):
        assert ask(http_somewhere) == 403, http_somewhere


def test_a_request_that_is_not_http_is_a_problem_too(send):
    host = b"Host: localhost\r\n"
    requests = {
        b"NONSENSE\r\n\r\n": 400,
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + host + b"\r\n": 414,
        b"GET / HTTP/1.1\r\n" + host + b"Authorization: Bearer " + b"a" * 9000 + b"\r\n\r\n": 431,
        b"POST / HTTP/1.1\r\n" + host + b"Content-Length: canary\r\n\r\n": 400,
        b"POST / HTTP/1.1\r\n" + host + b"Content-Length: -1\r\n\r\n": 400,
        b"GET / HTTP/1.1\r\n" + host + b"Expect: canary\r\n\r\n": 417,
    }
    for request, expected in requests.items():
        status, content_type, body = send(request)
        assert (status, content_type) == (expected, "application/problem+json"), request[:60]
        assert (json.loads(body)["status"], json.loads(body)["code"]) == (expected, "bad_request")
        assert b"canary" not in body


def test_a_request_that_reaches_no_view_has_a_request_id_too(send, port):
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as server:
        server.request("GET", "/", headers={"Authorization": "a" * 9000})
        answer = server.getresponse()
        body = json.load(answer)

    assert (answer.status, answer.headers["X-Request-ID"]) == (431, body["request_id"])


@pytest.mark.parametrize(
    ("path", "content_type", "expected"),
    [
        (b"/api/health?x=1", b"text/plain; charset=base64", 200),
        (b"/api/health?x=1", b"application/json; charset=undefined", 200),
        (b"/api/health", b"application/json; a*=bogus''x", 200),
        (b"/docs?" + b"a&" * 1100, b"application/json; charset=utf-8", 400),
        (b"/api/health?" + b"a&" * 1100, b"application/json", 200),
    ],
)
def test_every_content_type_is_answered(send, path, content_type, expected):
    request = b"GET %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\n\r\n"

    assert send(request % (path, content_type))[0] == expected


def test_a_body_of_no_type_at_all_is_415(send):
    request = (
        b"POST /api/v1/auth/signin HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json; a*=bogus''x\r\nContent-Length: 2\r\n\r\n{}"
    )
    status, content_type, _ = send(request)

    assert (status, content_type) == (415, "application/problem+json")


def test_a_body_in_chunks_is_411(send):
    request = (
        b"POST /api/v1/auth/signin HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    )

    status, content_type, body = send(request)

    assert (status, content_type) == (411, "application/problem+json")
    assert json.loads(body)["code"] == "length_required"


@pytest.mark.parametrize(
    ("request_line", "content_type"),
    [
        (b"POST /api/v1/auth/signin", b"application/json"),
        (b"PATCH /api/v1/users/me", b"application/json"),
        (b"DELETE /api/v1/users/me", b"text/plain"),
        (b"GET /api/health", b"application/json"),
        (b"POST /account/forgot-password", b"multipart/form-data; boundary=x"),
        (b"POST /admin/login/", b"application/x-www-form-urlencoded"),
    ],
)
def test_a_body_that_is_too_large_is_not_waited_for(running, request_line, content_type):
    head = b"%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: 30000000\r\n\r\n"
    with closing(socket.create_connection(("127.0.0.1", running), timeout=3)) as server:
        server.sendall(head % (request_line, content_type))
        answer = http.client.HTTPResponse(server)
        answer.begin()

        assert (answer.status, answer.headers["Connection"]) == (413, "close")
        assert json.loads(answer.read())["code"] == "body_too_large"
        assert server.recv(1) == b""  # The server has closed its side: nothing more will come.


def test_a_connection_is_kept_after_a_body_of_a_usual_size(running):
    request = (
        b"POST /api/v1/auth/signin HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}"
    )
    with closing(socket.create_connection(("127.0.0.1", running), timeout=10)) as server:
        for _ in range(2):
            server.sendall(request)
            answer = http.client.HTTPResponse(server)
            answer.begin()
            assert (answer.status, answer.headers["Connection"]) == (415, "keep-alive")
            answer.read()


def test_a_developers_env_file_is_read_by_the_entry_points_alone():
    """The tests' own processes switch it off."""
    sources = [*ROOT.glob("*.py"), *(ROOT / "lazyrabbit").glob("*.py")]
    readers = {path.name for path in sources if "env_file.load()" in path.read_text()}
    assert readers == {"manage.py", "wsgi.py", "gunicorn.py"}
    assert sum("load_dotenv(" in path.read_text() for path in sources) == 1


def test_on_a_laptop_it_prints_the_mails_that_it_would_send(start, port, tmp_path):
    database = {"DATABASE_URL": f"sqlite:///{tmp_path}/app.db", "PYTHON_DOTENV_DISABLED": "1"}
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, cwd=ROOT, env={"PATH": os.environ["PATH"], **database}, check=True)
    process = start()
    while "Booting worker" not in process.stdout.readline():
        pass
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as server:
        body = json.dumps({"email": "ana@example.com", "password": "securepassword123"})
        server.request("POST", "/api/v1/auth/signup", body, {"Content-Type": "application/json"})
        assert server.getresponse().status == 201

    printed = ""
    while "#token=" not in printed:
        line = process.stdout.readline()
        assert line, printed
        printed += line
    assert "To: ana@example.com\nSubject: Confirm your email address\n" in printed
    assert f"http://127.0.0.1:{port}/account/verify-email#token=" in printed


def test_the_server_stops_on_sigterm(start, port):
    process = start()
    while line := process.stdout.readline():
        if "Booting worker" in line:
            break
    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=30) == 0


def test_a_reloaded_worker_reads_the_settings_anew():
    """A worker is forked: it would inherit what the server itself has imported."""
    code = "import sys, lazyrabbit.gunicorn; print('lazyrabbit.settings' in sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PYTHON_DOTENV_DISABLED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout == "False\n"
