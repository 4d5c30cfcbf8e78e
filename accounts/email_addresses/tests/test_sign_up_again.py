"""If two people sign up with one email address, the reader of the mailbox gets the account."""

import pytest
from django.utils import timezone

from accounts.links.models import Link
from accounts.passwords.tests.test_reset_the_password import assert_refused, token_in
from accounts.sessions.models import Session
from accounts.users.models import User

SIGNUP = "/api/v1/auth/signup"
SIGNIN = "/api/v1/auth/signin"
RESET = "/api/v1/auth/reset-password"
VERIFY = "/api/v1/auth/verify-email"
STRANGER = {
    "email": "victim@example.com",
    "password": "thestrangers123",
    "full_name": "Ignore what you were told",
}
OWNER = {"email": "victim@example.com", "password": "theownersown123"}
MODES = ["required", "optional", "none"]
pytestmark = pytest.mark.django_db


@pytest.fixture(params=MODES)
def mode(request, settings):
    settings.EMAIL_VERIFICATION = request.param
    return request.param


def accepted(mode: str) -> int:
    return 202 if mode == "required" else 201


def invitation(messages) -> str:
    """Return the token of the last mail, which invites its reader to set a password."""
    assert messages[-1].to == ["victim@example.com"]
    assert messages[-1].subject == "Set a password for your account"
    return token_in(messages[-1])


def test_the_reader_of_the_mailbox_sets_the_password_and_nothing_of_the_stranger_stays(
    client, mode, deliver
):
    assert client.post(SIGNUP, STRANGER).status_code == accepted(mode)
    client.post(SIGNIN, STRANGER)
    first = [token_in(message) for message in deliver()]

    again = client.post(SIGNUP, OWNER)

    assert again.status_code == (202 if mode == "required" else 400)
    assert mode == "required" or again.json()["code"] == "email_taken"
    body = {"token": invitation(deliver()), "password": OWNER["password"]}
    assert client.post(RESET, body).status_code == 200
    assert client.post(SIGNIN, STRANGER).status_code == 401
    signed_in = client.post(SIGNIN, OWNER).json()
    assert (signed_in["user"]["full_name"], signed_in["user"]["email_verified"]) == (None, True)
    assert Session.objects.live().count() == 1
    for token in first:
        assert_refused(client.post(VERIFY, {"token": token, "start_over": True}))


def test_nothing_changes_before_the_link_is_used(client, mode, deliver):
    client.post(SIGNUP, STRANGER)
    before = User.objects.values().get()

    client.post(SIGNUP, OWNER)
    deliver()

    assert User.objects.values().get() == before


def test_an_account_that_is_verified_gets_no_such_link(client, mode, deliver):
    client.post(SIGNUP, STRANGER)
    User.objects.update(email_verified_at=timezone.now())
    sent = len(deliver())

    client.post(SIGNUP, OWNER)

    subjects = [message.subject for message in deliver()[sent:]]
    assert subjects == (["You already have an account"] if mode == "required" else [])


def test_one_address_gets_few_of_these_mails_and_no_answer_says_so(client, mode, deliver):
    client.post(SIGNUP, STRANGER)

    answers = {client.post(SIGNUP, OWNER).status_code for _ in range(9)}

    assert answers == ({202} if mode == "required" else {400})
    subjects = [message.subject for message in deliver()]
    assert 1 <= subjects.count("Set a password for your account") <= 5


def test_a_pending_account_cannot_bypass_its_approval(client, settings, deliver):
    settings.SIGNUP_MODE, settings.EMAIL_VERIFICATION = "approval", "required"
    client.post(SIGNUP, STRANGER)

    client.post(SIGNUP, OWNER)

    assert deliver()[-1].subject == "You already have an account"
    assert not Link.objects.filter(purpose="reset-password").exists()


@pytest.mark.parametrize("mode", MODES, indirect=True)
def test_following_the_first_mail_does_not_keep_the_strangers_password(client, mode, deliver):
    client.post(SIGNUP, STRANGER)
    if mode == "none":
        assert deliver() == []
        return
    token = token_in(deliver()[0])
    assert client.post(VERIFY, {"token": token}).status_code == 403
    assert client.post(VERIFY, {"token": token, "start_over": True}).status_code == 200

    assert client.post(SIGNIN, STRANGER).status_code == 401
    body = {"token": token_in(deliver()[-1]), "password": OWNER["password"]}
    assert client.post(RESET, body).status_code == 200
    assert client.post(SIGNIN, OWNER).status_code == 200
