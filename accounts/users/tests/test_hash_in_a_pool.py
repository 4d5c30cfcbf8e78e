import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier, Event, Lock
from time import sleep

import pytest
from django.contrib.auth.hashers import check_password, make_password
from django.db import connections, transaction
from django.test import Client

from accounts.errors import Overloaded
from accounts.sessions.models import Session
from accounts.users import hashing_pool
from accounts.users.hashers import BcryptSHA256Hasher
from accounts.users.hashing_pool import NICENESS, HashingPool
from accounts.users.models import User

ROOT = Path(__file__).parent.parent.parent.parent
SECONDS = 30  # After which a test fails instead of hanging.


@contextmanager
def every_place_taken(pool: HashingPool):
    """Keep the only thread of a pool busy."""
    started, finish = Event(), Event()

    def hash_for_long():
        started.set()
        assert finish.wait(SECONDS)

    with ThreadPoolExecutor(1) as other_request:
        running = other_request.submit(pool.run, hash_for_long)
        assert started.wait(SECONDS)
        try:
            yield
        finally:
            finish.set()
        running.result()


@pytest.fixture
def one_place(monkeypatch):
    """Give the hashers a pool of one thread and no patience."""
    pool = HashingPool(threads=1, patience=0)
    monkeypatch.setattr(hashing_pool, "pool", pool)
    return pool


def test_as_many_hashes_run_at_once_as_there_are_threads():
    pool = HashingPool(threads=2, patience=SECONDS)
    both, lock = Barrier(2), Lock()
    running, most = 0, 0

    def hash_beside_another_one():
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait(SECONDS)
        with lock:
            running -= 1

    with ThreadPoolExecutor(8) as requests:
        for request in [requests.submit(pool.run, hash_beside_another_one) for _ in range(8)]:
            request.result()

    assert most == 2


def test_a_hash_that_takes_longer_than_others_may_wait_is_returned():
    pool = HashingPool(threads=1, patience=0.01)

    assert pool.run(lambda: sleep(0.1) or "slow") == "slow"


def test_a_pool_that_is_shut_down_leaves_nothing_in_its_lines():
    pool = HashingPool(threads=1, patience=SECONDS)
    pool.threads.shutdown()

    with pytest.raises(RuntimeError):
        pool.run(len, "hash")
    assert pool.queues.length == 0


@pytest.mark.postgresql  # SQLite in memory has one connection for ever.
@pytest.mark.django_db(transaction=True)
def test_a_thread_that_waits_for_a_hash_holds_no_connection_outside_a_transaction():
    pool = HashingPool(threads=1, patience=SECONDS)
    own = connections["default"]
    own.ensure_connection()

    assert pool.run(lambda: own.connection) is None
    with transaction.atomic():
        assert pool.run(lambda: own.connection) is not None
        assert User.objects.count() == 0


def test_an_estimate_includes_the_other_threads_of_the_machine():
    pool = HashingPool(threads=2, patience=1, share=2)
    pool.seconds, pool.running = 1, 2

    assert pool.wait("ana") == 1  # Four threads on two cores: each hash takes two seconds.
    pool.running = 1
    assert pool.wait("ana") == 0


def test_after_a_burst_everything_works_again(one_place):
    with every_place_taken(one_place):
        for _ in range(20):
            with pytest.raises(Overloaded):
                make_password("testpassword123")

    assert check_password("testpassword123", make_password("testpassword123"))


def test_an_exception_inside_a_hash_reaches_its_caller_and_frees_its_place(one_place):
    for _ in range(3):
        with pytest.raises(ValueError, match="salt"):
            BcryptSHA256Hasher().encode("testpassword123", b"no salt")


@pytest.mark.parametrize("algorithm", ["bcrypt_sha256", "bcrypt"])
def test_both_hashers_wait_for_their_turn(one_place, algorithm):
    encoded = make_password("testpassword123", b"$2b$04$" + b"a" * 21 + b"u", algorithm)

    with every_place_taken(one_place), pytest.raises(Overloaded):
        check_password("testpassword123", encoded)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_other_threads_go_before_those_that_hash():
    pool = HashingPool(threads=1, patience=0)
    own = os.getpriority(os.PRIO_PROCESS, 0)

    assert pool.run(os.getpriority, os.PRIO_PROCESS, 0) == min(own + NICENESS, 19)
    assert os.getpriority(os.PRIO_PROCESS, 0) == own


def test_a_system_without_thread_priorities_hashes_too(monkeypatch):
    def refuse(*args):
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)

    assert HashingPool(threads=1, patience=0).run(len, "hash") == 4


FORK = """
import os, sys
from accounts.users.hashing_pool import pool
from threading import get_ident

parent = pool.run(get_ident)
pool.running = pool.size  # One thread hashes while the process forks.
pool.lock.acquire()
child = os.fork()
if child == 0:
    for _ in range(2 * pool.size):
        assert pool.run(len, "hash") == 4
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_fork_has_a_pool_of_its_own():
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "lazyrabbit.settings"}
    command = [sys.executable, "-c", FORK]

    forked = subprocess.run(command, cwd=ROOT, env=environment, timeout=SECONDS, check=False)

    assert forked.returncode == 0


def assert_overloaded(answer) -> None:
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] in {"1", "2"}
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert (body["type"], body["code"], body["status"]) == ("server_error", "overloaded", 503)
    assert body["detail"] == "Too many people are signing in right now, try again later."


@pytest.mark.django_db
@pytest.mark.parametrize("email", ["test@example.com", "nobody@example.com"])
def test_a_sign_in_is_told_when_to_come_back(client, user, one_place, email, caplog):
    credentials = {"email": email, "password": "testpassword123"}

    with every_place_taken(one_place):
        assert_overloaded(client.post("/api/v1/auth/signin", credentials))

    assert not Session.objects.exists()
    assert "Traceback" not in caplog.text


@pytest.mark.django_db
def test_a_sign_up_is_told_when_to_come_back(client, one_place, test_user_data):
    with every_place_taken(one_place):
        assert_overloaded(client.post("/api/v1/auth/signup", test_user_data))

    assert not User.objects.exists()
    assert client.post("/api/v1/auth/signup", test_user_data).status_code == 201


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        (
            "post",
            "/change-password",
            {"current_password": "testpassword123", "new_password": "newpassword123"},
        ),
        ("patch", "", {"password": "newpassword123"}),
        ("delete", "", {"current_password": "testpassword123"}),
    ],
)
def test_a_member_is_told_when_to_come_back(user, member, one_place, method, path, body):
    with every_place_taken(one_place):
        assert_overloaded(getattr(member, method)(f"/api/v1/users/me{path}", body))
        assert member.get("/api/v1/users/me").status_code == 200

    assert User.objects.get().check_password("testpassword123")


@pytest.mark.django_db
def test_staff_at_the_sign_in_form_are_told_when_to_come_back(user, one_place):
    form = {"username": "test@example.com", "password": "testpassword123"}

    with every_place_taken(one_place):
        assert_overloaded(Client().post("/admin/login/", form))
