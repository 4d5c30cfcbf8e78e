"""Threads share a few connections to the database, and hold none while they need none."""

import gc
import select
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import OperationalError, close_old_connections, connection, transaction

from accounts.users.models import User
from lazyrabbit import connections

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]
SECONDS = 30


@pytest.fixture(autouse=True)
def one_connection(settings):
    """Let the threads of a test share one connection that is not open yet."""
    settings.CONNECTIONS = 1
    connection.close()
    connections.close_spare()
    connections.shared.clear()
    yield
    connection.close()
    connections.close_spare()
    connections.shared.clear()


def pid() -> int:
    """Return which process of PostgreSQL answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def request() -> int:
    """Do what a thread of the server does with a request."""
    try:
        return pid()
    finally:
        close_old_connections()


def test_threads_take_turns_with_one_connection():
    together = Barrier(8)

    def some_requests() -> set[int]:
        together.wait(SECONDS)
        return {request() for _ in range(20)}

    with ThreadPoolExecutor(8) as threads:
        used = [threads.submit(some_requests) for _ in range(8)]

    assert len(set.union(*(one.result() for one in used))) == 1


def test_a_thread_without_a_connection_in_time_gets_an_error(monkeypatch):
    monkeypatch.setattr(connections, "PATIENCE", 0.01)
    own = pid()

    with ThreadPoolExecutor(1) as thread:
        with pytest.raises(OperationalError):
            thread.submit(request).result()
        close_old_connections()
        assert thread.submit(request).result() == own


def test_a_connection_that_broke_while_no_thread_had_it_is_replaced():
    earlier = request()
    (shared,) = connections.shared.values()
    shared.spare[0].execute("SET idle_session_timeout = 1")  # In milliseconds.
    select.select([shared.spare[0].pgconn.socket], [], [], SECONDS)  # The server's farewell.

    assert request() != earlier
    assert len(shared.spare) == 1


def test_a_closed_connection_is_replaced_by_another():
    earlier = pid()
    connection.close()

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(request).result() != earlier


def test_a_transaction_keeps_its_connection():
    with transaction.atomic():
        User.objects.create_user("ana@example.com", "testpassword123")
        own = pid()
        User.objects.create_user("ben@example.com", "testpassword123")  # Hashes in between.
        assert pid() == own

    assert User.objects.count() == 2


def test_a_transaction_that_failed_leaves_nothing_to_the_next_thread():
    def fail() -> None:
        try:
            with transaction.atomic():
                User.objects.create_user("ana@example.com", "testpassword123")
                raise ValueError
        finally:
            close_old_connections()

    with ThreadPoolExecutor(1) as thread:
        failed = thread.submit(fail)
    assert isinstance(failed.exception(), ValueError)

    assert User.objects.count() == 0
    assert connection.get_autocommit()


def test_a_thread_that_ends_without_a_word_leaves_its_place():
    with ThreadPoolExecutor(1) as thread:
        earlier = thread.submit(pid).result()
    gc.collect()

    assert pid() != earlier
