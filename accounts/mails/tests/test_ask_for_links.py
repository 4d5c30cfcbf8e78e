"""How often anybody may ask for a link to an address, whosever it is."""

import pytest
from django.core import mail

from accounts.passwords.tests.test_reset_the_password import FORGOT, reset, token_in

RESEND = "/api/v1/auth/resend-verification"
pytestmark = pytest.mark.django_db


def test_an_account_gets_five_mails_an_hour_and_nobody_is_told(client, user, deliver):
    for _ in range(8):
        assert client.post(FORGOT, {"email": user.email}).status_code == 202
        deliver()

    assert len(mail.outbox) == 5


def test_of_several_links_that_wait_only_the_newest_is_sent(client, user, deliver):
    for _ in range(3):
        client.post(FORGOT, {"email": user.email})

    (message,) = deliver()
    assert reset(client, token_in(message)).status_code == 200


def test_a_network_asks_for_20_mails_an_hour(client, user):
    statuses = [
        client.post(FORGOT, {"email": f"person{number}@example.com"}).status_code
        for number in range(22)
    ]

    assert statuses == [202] * 20 + [429] * 2


def test_what_strangers_ask_for_besides_uses_no_reset_up(client, user, deliver):
    for number in range(5):
        stranger = {"REMOTE_ADDR": f"203.0.113.{number}"}
        client.post(RESEND, {"email": user.email}, **stranger)
        client.post(FORGOT, {"email": "other@example.com"}, **stranger)

    client.post(FORGOT, {"email": user.email})

    assert deliver()[-1].subject == "Set a new password"
