"""A real nginx with the shipped configuration, and small servers behind it."""

import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from accounts.conftest import *  # noqa: F403 (its fixtures serve here too)

DEPLOY = Path(__file__).parent.parent
NAME = "accounts.example.com"
# What Debian's nginx.conf says around ours, with every place inside of one folder.
MAIN = """
daemon off;
worker_processes 2;
pid nginx.pid;
events {}
http {
    client_body_temp_path temp/body;
    proxy_temp_path temp/proxy;
    fastcgi_temp_path temp/fastcgi;
    uwsgi_temp_path temp/uwsgi;
    scgi_temp_path temp/scgi;
    include accounts.conf;
}
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def make_certificate(folder: Path) -> None:
    folder.mkdir()
    key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout accounts.key"
    command = f"openssl req -x509 -days 2 -subj /CN={NAME} {key} -out accounts.crt"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


class Nginx:
    """A separate process in its own folder; ``send`` returns the answer."""

    def __init__(self, folder: Path, nodes: list[int], cdn: str = "", **replaced: str) -> None:
        self.folder = folder
        self.plain_port, self.tls_port = free_port(), free_port()
        self.install(nodes, replaced)
        if cdn:
            (folder / "accounts/cdn.conf").write_text(cdn)
        self.process = subprocess.Popen(self.command(), stderr=subprocess.DEVNULL)
        self.wait()

    def install(self, nodes: list[int], replaced: dict[str, str]) -> None:
        """Copy our files; only ports, the log's path and a test's changes differ."""
        shutil.copytree(DEPLOY / "nginx", self.folder, dirs_exist_ok=True)
        (self.folder / "temp").mkdir()
        # Root's nginx would run as a user that may not enter the tests' folders.
        user = "user root;\n" if os.geteuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(user + MAIN)
        self.replace("accounts.conf", "    listen [::]:80 default_server;\n", "")
        self.replace("accounts.conf", "    listen [::]:443 ssl http2 default_server;\n", "")
        self.replace("accounts.conf", "listen 80 ", f"listen 127.0.0.1:{self.plain_port} ")
        self.replace("accounts.conf", "listen 443 ", f"listen 127.0.0.1:{self.tls_port} ")
        self.replace("accounts/server.conf", "/var/log/nginx/", f"{self.folder}/")
        policy = " max_fails=2 fail_timeout=5s;\n"
        servers = [f"server 127.0.0.1:{port}{policy}" for port in nodes]
        self.replace("accounts/nodes.conf", f"server 127.0.0.1:8000{policy}", "".join(servers))
        for old, new in replaced.items():
            self.replace("accounts/server.conf", old, new)
        make_certificate(self.folder / "tls")

    def replace(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text()
        assert text.count(old) == 1, f"{file} holds {old!r} once"
        path.write_text(text.replace(old, new))

    def command(self, *arguments: str) -> list[str]:
        place = ["-p", f"{self.folder}/", "-c", "nginx.conf", "-e", f"{self.folder}/error.log"]
        return ["nginx", *place, *arguments]

    def check(self) -> str:
        """Return what ``nginx -t`` says."""
        checked = subprocess.run(self.command("-t"), capture_output=True, text=True, check=False)
        return checked.stderr

    def wait(self) -> None:
        for _ in range(200):
            with suppress(OSError):
                return socket.create_connection(("127.0.0.1", self.tls_port)).close()
            time.sleep(0.05)
        raise AssertionError((self.folder / "error.log").read_text())

    def connect(self, *, tls: bool = True, source: str = "127.0.0.1") -> http.client.HTTPConnection:
        options: dict[str, Any] = {"timeout": 30, "source_address": (source, 0)}
        if not tls:
            return http.client.HTTPConnection("127.0.0.1", self.plain_port, **options)
        context = ssl.create_default_context(cafile=self.folder / "tls/accounts.crt")
        context.check_hostname = False  # The certificate is the name's, the connection is local.
        return http.client.HTTPSConnection("127.0.0.1", self.tls_port, context=context, **options)

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> Answer:
        with closing(self.connect(**options)) as connection:
            if isinstance(body, dict):
                body = json.dumps(body)
            sent = {"Host": NAME, "Content-Type": "application/json", **(headers or {})}
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def send_bytes(self, request: bytes, *, tls: bool = True) -> Answer:
        """Send raw bytes that no library would."""
        with closing(self.connect(tls=tls)) as connection:
            connection.connect()
            connection.sock.sendall(request)
            response = http.client.HTTPResponse(connection.sock)
            response.begin()
            return Answer(response.status, response.headers, response.read())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)


@pytest.fixture
def start_nginx(tmp_path):
    """Start nginx in front of nodes on these ports, with words of server.conf replaced."""
    if not shutil.which("nginx"):
        pytest.skip("nginx is needed (on Debian: apt install nginx)")
    started: list[Nginx] = []

    def start_nginx(*nodes: int, **replaced: str) -> Nginx:
        started.append(Nginx(tmp_path / "nginx", list(nodes), **replaced))
        return started[-1]

    yield start_nginx
    for nginx in started:
        nginx.stop()


class Stub:
    """A node that echoes the request or, if the path says so, closes the connection."""

    def __init__(self, port: int) -> None:
        self.requests: list[dict[str, Any]] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers["Content-Length"] or 0)
                heard = {
                    "method": self.command,
                    "path": self.path,
                    "headers": dict(self.headers),
                    "length": len(self.rfile.read(length)),
                }
                stub.requests.append(heard)
                stub.answer(self, json.dumps(heard).encode())

            do_GET = do_POST = do_PATCH = answer  # noqa: N815 (as http.server asks for them)

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_port
        self.is_silent = False
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()

    def answer(self, handler: BaseHTTPRequestHandler, content: bytes) -> None:
        if self.is_silent:
            return
        if handler.path.startswith("/api/slow"):
            time.sleep(2)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def start_stub():
    started: list[Stub] = []

    def start_stub(port: int = 0) -> Stub:
        started.append(Stub(port))
        return started[-1]

    yield start_stub
    for stub in started:
        stub.stop()


@pytest.fixture
def stub(start_stub):
    return start_stub()


@pytest.fixture
def nginx(start_nginx, stub):
    """Nginx in front of one small server."""
    return start_nginx(stub.port)
