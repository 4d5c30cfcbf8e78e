"""Two production nodes behind nginx, a worker, and a separate PostgreSQL to break."""

import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psycopg

from deploy.tests.conftest import NAME, Nginx

ROOT = Path(__file__).parent.parent.parent
IS_ROOT = os.geteuid() == 0
RATES = ("SIGNIN_RATE_ACCOUNT_NETWORK", "SIGNIN_RATE_ACCOUNT", "SIGNIN_RATE_NETWORK")
RATES += ("PASSWORD_RATE_ACCOUNT", "REAUTHENTICATION_RATE_ACCOUNT")
RATES += ("SIGNUP_RATE_NETWORK", "MAIL_RATE_NETWORK", "MAIL_RATE_ACCOUNT")
# Few connections, to use them up; a small log of writes, to fill it.
POSTGRESQL = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "60",
    "min_wal_size": "32MB",
    "max_wal_size": "48MB",
}


def lasting_port() -> int:
    """Return a port below 32768, which no other program gets while the database is down."""
    while True:
        with socket.socket() as free, suppress(OSError):
            port = random.randrange(20000, 30000)
            free.bind(("127.0.0.1", port))
            return port


def children(pid: int) -> list[int]:
    """Return the processes below this one, the process first."""
    with suppress(FileNotFoundError):
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *(found for child in below for found in children(int(child)))]
    return []


def signal_all(pid: int, number: int) -> None:
    for process in children(pid):
        with suppress(ProcessLookupError):
            os.kill(process, number)


class PostgreSQL:
    """A cluster on its own disk of 400 MB (root only), made for the tests."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data, self.port = folder, folder / "data", lasting_port()
        folder.mkdir()
        if IS_ROOT:
            disk = ["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(folder)]
            subprocess.run(disk, check=True)
            shutil.chown(folder, "postgres")
        how = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"]
        self.run("initdb", "-D", self.data, *how)
        lines = [f"{name} = '{value}'" for name, value in POSTGRESQL.items()]
        lines += [f"port = {self.port}", f"unix_socket_directories = '{folder}'"]
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write("\n".join(lines))
        self.start()

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def run(self, tool: str, *arguments: object) -> None:
        """Run one of PostgreSQL's tools, which refuse to be run by root."""
        folder = subprocess.run(["pg_config", "--bindir"], capture_output=True, check=True)
        command = [f"{folder.stdout.decode().strip()}/{tool}", *map(str, arguments)]
        as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        with (self.folder / "log").open("ab") as log:
            subprocess.run(
                [*(as_postgres if IS_ROOT else []), *command],
                cwd="/",
                check=True,
                stdout=log,
                stderr=log,
            )

    def start(self) -> None:
        self.run("pg_ctl", "-D", self.data, "-l", self.folder / "server.log", "-w", "start")

    def stop(self, mode: str = "immediate") -> None:
        with suppress(subprocess.CalledProcessError):  # It may have stopped by itself.
            self.run("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop")

    def remove(self) -> None:
        self.stop()
        if IS_ROOT:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)

    @property
    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def execute(self, *statements: str) -> list[tuple]:
        """Execute them, also on a connection that may only read."""
        writes = "-c default_transaction_read_only=off"
        with psycopg.connect(self.url, autocommit=True, options=writes) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []


class Node:
    """A production server on a socket that stays open while it restarts, as systemd's does."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.environment = environment | {"PORT": str(self.port)}
        self.start()

    def start(self) -> None:
        number = self.listener.fileno()
        shell = f'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3<&{number} {number}<&-'
        server = [sys.executable, "-m", "gunicorn", "-c", "python:lazyrabbit.gunicorn"]
        self.process = subprocess.Popen(
            ["bash", "-c", shell, "bash", *server],
            cwd=ROOT,
            env=self.environment,
            pass_fds=[number],
            stderr=subprocess.DEVNULL,
        )
        while not self.is_healthy():
            time.sleep(0.05)

    def is_healthy(self) -> bool:
        with suppress(OSError, HTTPException):
            return self.get("/api/health") == 200
        return False

    def get(self, path: str, **headers: str) -> int:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=15)) as connection:
            proxied = {"Host": NAME, "X-Forwarded-Proto": "https", **headers}
            connection.request("GET", path, headers=proxied)
            return connection.getresponse().status

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)

    def kill(self) -> None:
        signal_all(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Cluster:
    def __init__(self, folder: Path) -> None:
        self.mails = folder / "mails"
        self.mails.mkdir()
        self.database = PostgreSQL(folder / "postgresql")
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHON_DOTENV_DISABLED": "1",
            **dict.fromkeys(RATES, "1000000/1m"),
            "ENVIRONMENT": "production",
            "SECRET_KEY": secrets.token_hex(32),
            "ALLOWED_HOSTS": NAME,
            "TRUSTED_PROXIES": "127.0.0.0/8",
            "EMAIL_URL": f"file://{self.mails}",
            "EMAIL_FROM": "accounts@example.com",
            "EMAIL_VERIFICATION": "none",
            "HASHING_WAIT_SECONDS": "300",  # Only the fault causes a 503.
            "DATABASE_URL": self.database.url,
        }
        self.manage("migrate", "--verbosity", "0")
        self.nodes = [Node(self.environment), Node(self.environment)]
        no_limit = {"limit_req zone=accounts_addresses burst=100 nodelay;": ""}
        self.nginx = Nginx(folder / "nginx", [node.port for node in self.nodes], **no_limit)
        self.start_worker()

    def manage(self, *arguments: str) -> None:
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(command, cwd=ROOT, env=self.environment, check=True, timeout=60)

    def start_worker(self) -> None:
        command = [sys.executable, "manage.py", "worker"]
        quiet = subprocess.DEVNULL
        self.worker = subprocess.Popen(command, cwd=ROOT, env=self.environment, stderr=quiet)

    def stop(self) -> None:
        self.nginx.stop()
        self.worker.kill()
        self.worker.wait()
        for node in self.nodes:
            node.kill()
            node.listener.close()
        self.database.remove()
