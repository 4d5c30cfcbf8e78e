"""The health checks of load balancers."""

import time
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connections
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from lazyrabbit import health

READY = "/api/health/ready"


@pytest.mark.parametrize("address", ["/api/health", "/api/health/"])
@pytest.mark.parametrize("method", ["get", "head"])
def test_health_is_a_constant(client, address, method, django_assert_num_queries):
    answer = getattr(client, method)(address, headers={"Authorization": "Bearer stale"})

    assert answer.status_code == 200
    assert answer.content == (b'{"status":"healthy"}' if method == "get" else b"")


@pytest.mark.django_db(transaction=True)
def test_a_node_whose_database_answers_is_ready(client):
    answer = client.get(READY)

    assert (answer.status_code, answer.json()) == (
        200,
        {
            "status": "ready",
            "checks": {"database": True, "migrations": True, "mail": True, "draining": False},
        },
    )


@pytest.mark.django_db(transaction=True)
def test_late_mail_is_reported_and_makes_no_node_unready(client, user):
    client.post("/api/v1/auth/forgot-password", {"email": user.email})
    DBTaskResult.objects.update(enqueued_at=timezone.now() - timedelta(minutes=6))

    answer = client.get(READY)

    assert (answer.status_code, answer.json()["checks"]["mail"]) == (200, False)


@pytest.mark.django_db(transaction=True)
def test_a_node_that_is_newer_than_its_database_is_not_ready(client):
    call_command("migrate", "accounts", "0003", verbosity=0)
    try:
        answer = client.get(READY)
    finally:
        call_command("migrate", "accounts", verbosity=0)

    assert (answer.status_code, answer.json()["checks"]["migrations"]) == (503, False)
    assert answer.json()["status"] == "not ready"


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_hanging_database_is_reported_within_a_second(client):
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE django_migrations")
        for _ in range(3):
            started = time.monotonic()
            answer = client.get(READY)
            assert time.monotonic() - started < 1.2
            assert (answer.status_code, answer.json()["checks"]["database"]) == (503, False)
        cursor.execute("ROLLBACK")
    other.close()
    health.checker.submit(len, "").result()  # After whatever still waits.

    assert client.get(READY).status_code == 200
