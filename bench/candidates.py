"""The services that are compared: how each is started, filled with users, and called."""

import hashlib
import sys
from typing import NamedTuple

import bcrypt

from bench.service import GUNICORN, PASSWORD, ROOT

PEERS = str(ROOT / "bench" / ".venv" / "bin" / "python")
WORKERS = ["--workers", "2"]
THREADS = ["--worker-class", "gthread", "--threads", "8"]  # As many as ours.

# The hash of every user, as Django and as the FastAPI service store it.
DIGEST = hashlib.sha256(PASSWORD.encode()).hexdigest()
DJANGO_HASH = "bcrypt_sha256$" + bcrypt.hashpw(DIGEST.encode(), bcrypt.gensalt(12)).decode()
PLAIN_HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(12)).decode()


class Candidate(NamedTuple):
    title: str
    server: list[str]  # {port} stands for where it listens.
    migrate: list[str]
    fill: list[str]  # SQL that stores {users} users.
    paths: dict[str, str]  # Of each kind of request; without a sign-in, tokens are made here.
    tokens: tuple[str, str] = ("access_token", "refresh_token")  # Their keys in a body.
    settings: dict[str, str] = {}
    # A worker without threads waits for a client that has connected and said nothing yet. It is
    # meant for a proxy that buffers; clients who pause would only show that there is none.
    lets_pause: bool = True


def users(table: str, **columns: str) -> str:
    """Return the SQL for users in this table, with what its own columns hold."""
    names, values = ", ".join(columns), ", ".join(columns.values())
    return (
        f"INSERT INTO {table} (email, full_name, is_active, created_at, updated_at, {names}) "  # noqa: S608
        f"SELECT 'user' || n || '@example.com', 'User ' || n, true, now(), now(), {values} "
        "FROM generate_series(1, {users}) AS n"
    )


DJANGO_USER = {"password": f"'{DJANGO_HASH}'", "is_superuser": "false", "is_staff": "false"}
PEOPLE = users("people_user", **DJANGO_USER, email_verified="false")
# allauth keeps the addresses of its users, as its sign-up does.
ADDRESSES = (
    'INSERT INTO account_emailaddress (user_id, email, verified, "primary") '
    "SELECT id, email, false, true FROM people_user"
)


def django_peer(
    folder: str,
    title: str,
    paths: dict[str, str],
    threads: list[str] = THREADS,
    tokens: tuple[str, str] = ("access_token", "refresh_token"),
) -> Candidate:
    """Return a Django project of bench/peers under gunicorn."""
    listen = ["--bind", "127.0.0.1:{port}", "--no-control-socket"]
    application = "django.core.wsgi:get_wsgi_application()"
    return Candidate(
        title,
        [PEERS, *GUNICORN[1:], *WORKERS, *threads, *listen, application],
        [PEERS, "-m", "django", "migrate", "--verbosity", "0"],
        [PEOPLE, ADDRESSES] if folder == "allauth_headless" else [PEOPLE],
        paths,
        tokens,
        {"DJANGO_SETTINGS_MODULE": f"bench.peers.{folder}.settings"},
        lets_pause=bool(threads),
    )


CONTRACT = {
    "health": "/api/health",
    "me": "/api/v1/users/me",
    "refresh": "/api/v1/auth/refresh",
    "signin": "/api/v1/auth/signin",
    "signup": "/api/v1/auth/signup",
}
DJOSER = {
    "health": "/api/health",
    "me": "/auth/users/me/",
    "refresh": "/auth/jwt/refresh/",
    "signin": "/auth/jwt/create/",
    "signup": "/auth/users/",
}
ALLAUTH = {
    "health": "/api/health",
    "me": "/_allauth/app/v1/auth/session",
    "refresh": "/_allauth/app/v1/tokens/refresh",
    "signin": "/_allauth/app/v1/auth/login",
    "signup": "/_allauth/app/v1/auth/signup",
}
FLOOR = {kind: CONTRACT[kind] for kind in ("health", "me")}
SIMPLE_JWT = ("access", "refresh")

UVICORN = ["-m", "uvicorn", *WORKERS, "--port", "{port}", "--no-access-log", "--log-level", "error"]
FASTAPI = Candidate(
    "FastAPI",
    [PEERS, *UVICORN, "bench.peers.fastapi_service:app"],
    [PEERS, "-m", "bench.peers.fastapi_service"],
    [users("users", hashed_password=f"'{PLAIN_HASH}'", email_verified="false")],
    CONTRACT,
)
# uvicorn's default without its extra [standard].
PURE_PYTHON = ["--loop", "asyncio", "--http", "h11"]
CANDIDATES = {
    "ours": Candidate(
        "ours",
        [*GUNICORN, *WORKERS, "-c", "python:lazyrabbit.gunicorn"],
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        [users("users", **DJANGO_USER)],
        CONTRACT,
    ),
    "fastapi": FASTAPI,
    "fastapi-h11": FASTAPI._replace(title="FastAPI, h11", server=[*FASTAPI.server, *PURE_PYTHON]),
    "drf-sync": django_peer("drf_stock", "DRF, sync", DJOSER, [], SIMPLE_JWT),
    "drf-gthread": django_peer("drf_stock", "DRF, 8 threads", DJOSER, THREADS, SIMPLE_JWT),
    "allauth": django_peer("allauth_headless", "allauth", ALLAUTH),
    "floor": django_peer("floor", "bare Django", FLOOR),
}
