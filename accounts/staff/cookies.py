"""The admin's own sessions, which a cookie names."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.utils import timezone


class SessionStore(db.SessionStore):
    """Django's, except that a session ends ``SESSION_COOKIE_AGE`` after the sign-in, used or not.

    With Django's own, each message that a page shows would put the end off.
    """

    def save(self, must_create: bool = False) -> None:
        if not must_create and SESSION_KEY in self and "_session_expiry" not in self:
            self.set_expiry(timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE))
        super().save(must_create)
