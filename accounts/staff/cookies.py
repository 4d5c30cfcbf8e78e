"""The store of the admin's sessions, which a cookie identifies."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.utils import timezone


class SessionStore(db.SessionStore):
    """Ends each session ``SESSION_COOKIE_AGE`` after its sign-in, whether it is used or not."""

    def save(self, must_create: bool = False) -> None:
        # In Django's store, each message that a page shows would postpone the end.
        if not must_create and SESSION_KEY in self and "_session_expiry" not in self:
            self.set_expiry(timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE))
        super().save(must_create)
