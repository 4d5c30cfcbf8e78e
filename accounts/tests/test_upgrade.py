"""Rows of the previous version are valid after the migrations."""

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import F
from django.utils import timezone

from accounts.actors.actor import Actor
from accounts.outbox import flows as outbox
from accounts.sessions.models import Session

pytestmark = pytest.mark.django_db
EDITOR = SimpleNamespace(connection=connection)


def test_sessions_were_authenticated_when_they_were_created(user, sign_in, monkeypatch):
    migration = import_module("accounts.migrations.0015_authenticated_when_created")
    monkeypatch.setattr(migration, "BATCH", 2)
    for _ in range(5):
        sign_in()
    Session.objects.update(created_at=timezone.now() - timedelta(hours=3))

    migration.take_over_created_at(apps, EDITOR)

    assert Session.objects.filter(authenticated_at=F("created_at")).count() == 5


def test_a_session_that_the_previous_version_starts_is_authenticated_now(user):
    now = timezone.now()
    values = {"user": user, "created_at": now, "last_used_at": now, "expires_at": now}
    session = Session.objects.create(**values)

    session.refresh_from_db()

    assert abs(session.authenticated_at - now) < timedelta(minutes=1)


def test_mails_that_wait_are_found_under_the_new_name(user):
    migration = import_module("accounts.migrations.0013_outbox")
    outbox.notify("password_changed", user, Actor())
    migration.rename("accounts.outbox.", "accounts.mails.")(apps, EDITOR)
    assert not outbox.unsent(user).exists()

    migration.rename("accounts.mails.", "accounts.outbox.")(apps, EDITOR)

    assert outbox.unsent(user).get().kind == "notice: password_changed"
