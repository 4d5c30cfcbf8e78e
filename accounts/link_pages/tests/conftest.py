"""A browser without scripts, and a link to set a password."""

import pytest
from django.test import Client

from accounts.passwords.tests.test_reset_the_password import token_in


@pytest.fixture
def browser():
    return Client(raise_request_exception=False)


@pytest.fixture
def token(client, user, deliver):
    client.post("/api/v1/auth/forgot-password", {"email": user.email})
    return token_in(deliver()[-1])
