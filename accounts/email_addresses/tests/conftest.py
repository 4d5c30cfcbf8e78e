"""A person who changes their email address, and whose mail can be read."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.passwords.tests.test_reset_the_password import token_in
from accounts.users.models import User

CHANGE = "/api/v1/users/me/change-email"
CONFIRM = "/api/v1/auth/confirm-email-change"


@pytest.fixture
def proven(user):
    """Mark the user's email address as verified long ago."""
    User.objects.filter(pk=user.pk).update(email_verified_at=timezone.now() - timedelta(days=30))


@pytest.fixture
def mailed(deliver):
    """Deliver, and return the token of the last link sent to an email address."""

    def mailed(email: str) -> str:
        links = [m for m in deliver() if m.to == [email] and "#token=" in m.body]
        return token_in(links[-1])

    return mailed


@pytest.fixture
def change(member, mailed):
    """Change the email address and return the answer to the confirmation."""

    def change(email: str):
        assert member.post(CHANGE, {"new_email": email}).status_code == 202
        return member.post(CONFIRM, {"token": mailed(email)})

    return change
