"""Metrics from the database."""

import pytest
from django.db import connection

from accounts import metrics


@pytest.mark.postgresql
@pytest.mark.django_db
def test_a_large_number_of_sessions_is_estimated_from_statistics(sign_in, monkeypatch):
    for _ in range(3):
        sign_in()
    assert metrics.sessions_live() == 3
    monkeypatch.setattr(metrics, "FEW", 0)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE sessions")

    assert metrics.sessions_live() in range(1, 4)
