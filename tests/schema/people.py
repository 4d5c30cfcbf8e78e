"""A person who sends one request and knows what makes it succeed."""

import secrets
from datetime import timedelta
from functools import cache
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.actors.actor import Actor
from accounts.links.models import Link, Purpose, Secrets
from accounts.sessions import flows as sessions
from accounts.users.models import User

PASSWORD = "correct horse battery"
NEW_PASSWORD = "another horse battery"


@cache
def hashed_password() -> str:
    return make_password(PASSWORD)


def fresh_address() -> str:
    return f"{secrets.token_hex(8)}@example.com"


def is_good(password: str) -> bool:
    """Return whether the policy accepts it; no schema can say which passwords are too common."""
    try:
        validate_password(password)
    except ValidationError:
        return False
    return True


class Person:
    """A new account with a session, used by one request only."""

    def __init__(self) -> None:
        self.user = User.objects.create(email=fresh_address(), password=hashed_password())
        self.tokens = sessions.start(self.user, Actor(ip_address="127.0.0.1"))
        self.session_id = str(self.user.sessions.get().pk)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens.access_token}"}

    def link(self, purpose: Purpose) -> Secrets:
        """Return the token of the link and the code in the mail."""
        is_own = purpose in (Purpose.VERIFY, Purpose.RESET)
        link = Link.objects.create(
            user=self.user,
            purpose=purpose,
            email=self.user.email if is_own else fresh_address(),
            expires_at=timezone.now() + timedelta(minutes=5),
        )
        return link.renew()

    def truth(self, action: str, name: str, value: Any) -> Any:
        """Return the value that lets this member of the body succeed.

        It is the value that was made up for it, unless that needs what no schema says.
        """
        if action == "signin":
            return {"email": self.user.email, "password": PASSWORD}.get(name, value)
        if name in ("token", "code"):
            return getattr(self.link(Purpose(action)), name)
        if name in ("password", "new_password"):
            return value if value is None or is_good(value) else NEW_PASSWORD
        known = {"current_password": PASSWORD, "refresh_token": self.tokens.refresh_token}
        if action in ("signup", "change-email"):
            known |= {"email": fresh_address(), "new_email": fresh_address()}
        return known.get(name, value)
