"""How often anyone may ask for a link to an email address."""

import pytest
from django.core import mail

from accounts.passwords.tests.test_reset_the_password import FORGOT, reset, token_in
from accounts.throttling.models import Counter
from accounts.users.models import User

RESEND = "/api/v1/auth/resend-verification"
NO_ADDRESSES = [
    *("nonsense", "a@x.org,b@y.org", "a@x.org b@y.org", "a@x.org;b", "a@", "@x.org", "a@@x.org"),
    *(
        "Ana <a@x.org>",
        '"a"@x.org',
        "a@[127.0.0.1]",
        "a@x.org\nBcc: b@y.org",
        "mailto:a@x.org",
        "@",
    ),
]
pytestmark = pytest.mark.django_db


def test_an_account_gets_five_mails_an_hour_and_the_answers_are_the_same(client, user, deliver):
    for _ in range(8):
        assert client.post(FORGOT, {"email": user.email}).status_code == 202
        deliver()

    assert len(mail.outbox) == 5


@pytest.mark.parametrize("path", [FORGOT, RESEND])
@pytest.mark.parametrize(
    ("email", "code"),
    [
        *((email, "invalid") for email in NO_ADDRESSES),
        *(("", "blank"), ("  \t", "blank"), ("a@" + "x" * 253, "max_length"), (None, "null")),
    ],
)
def test_an_invalid_email_address_is_named(client, user, deliver, path, email, code):
    answer = client.post(path, {"email": email})

    assert answer.status_code == 400
    assert [(e["attr"], e["code"]) for e in answer.json()["errors"]] == [("email", code)]
    assert deliver() == []
    assert not Counter.objects.exists()


@pytest.mark.parametrize(
    "email",
    [
        *("ana@localhost", "ana@corp", "jos\u00e9@example.com", "ana..b@example.com"),
        *("ana_@-example.com", "o'hara+x@example.com", "ana@ex.test"),
    ],
)
def test_an_imported_account_with_an_odd_address_gets_its_link(client, deliver, email):
    User.objects.create_user(email)

    assert client.post(FORGOT, {"email": f" {email}"}).status_code == 202

    (message,) = deliver()
    assert message.to == [email]


def test_only_the_newest_of_several_queued_links_is_sent(client, user, deliver):
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


def test_other_requests_of_strangers_use_no_reset(client, user, deliver):
    for number in range(5):
        stranger = {"REMOTE_ADDR": f"203.0.113.{number}"}
        client.post(RESEND, {"email": user.email}, **stranger)
        client.post(FORGOT, {"email": "other@example.com"}, **stranger)

    client.post(FORGOT, {"email": user.email})

    assert deliver()[-1].subject == "Set a new password"
