"""The link in a mail proves the mailbox, and nothing more."""

from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.utils import timezone

from accounts.actors.actor import Actor
from accounts.email_addresses import flows
from accounts.errors import InvalidToken
from accounts.events.models import Event
from accounts.links.models import Link
from accounts.passwords.tests.test_reset_the_password import assert_refused, token_in
from accounts.sessions.models import Session
from accounts.staff.tests.test_look_after_users import form_of, page_of
from accounts.users.models import User

SIGNUP = "/api/v1/auth/signup"
SIGNIN = "/api/v1/auth/signin"
VERIFY = "/api/v1/auth/verify-email"
RESEND = "/api/v1/auth/resend-verification"
ME = "/api/v1/users/me"
PASSWORD = "testpassword123"
pytestmark = pytest.mark.django_db


@pytest.fixture
def token(client, test_user_data, deliver):
    """The token mailed to a person who has just signed up."""
    assert client.post(SIGNUP, test_user_data).status_code == 201
    (message,) = deliver()
    assert (message.to, message.subject) == (["test@example.com"], "Confirm your email address")
    return token_in(message)


@pytest.fixture
def signed_up(client, token, test_user_data):
    """A client signed in to the unverified account."""
    credentials = {name: test_user_data[name] for name in ("email", "password")}
    answer = client.post(SIGNIN, credentials)
    assert answer.status_code == 200
    member = type(client)()
    member.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access_token']}")
    return member


def verify(client, token: str, **more):
    return client.post(VERIFY, {"token": token, **more})


def row(model):
    return model.objects.values().get()


def test_a_signed_in_owner_keeps_everything(signed_up, token):
    assert signed_up.get(ME).json()["email_verified"] is False

    answer = verify(signed_up, token)

    assert (answer.status_code, answer.json()) == (
        200,
        {"message": "Email verified successfully"},
    )
    assert signed_up.get(ME).json()["email_verified"] is True
    assert Event.objects.filter(name="email_verified").count() == 1


def test_the_password_keeps_everything(client, signed_up, token):
    assert verify(client, token, current_password=PASSWORD).status_code == 200

    assert signed_up.get(ME).json()["email_verified"] is True


def test_the_link_alone_changes_nothing_and_stays_good(client, signed_up, token):
    before = [row(User), row(Link), row(Session), Event.objects.count()]

    for more in ({}, {"start_over": False}, {"current_password": None}):
        answer = verify(client, token, **more)
        assert (answer.status_code, answer.json()["code"]) == (403, "ownership_required")

    assert [row(User), row(Link), row(Session), Event.objects.count()] == before
    assert verify(signed_up, token).status_code == 200


@pytest.mark.parametrize("has_signed_in", [True, False])
def test_a_stranger_who_signed_up_with_a_victims_email_address_loses_everything(
    client, token, test_user_data, deliver, has_signed_in
):
    """Even a stranger who never signed in must not keep the password they chose."""
    if has_signed_in:
        client.post(SIGNIN, test_user_data)

    answer = verify(client, token, start_over=True)

    assert answer.status_code == 200
    assert answer.json()["message"].endswith("Set a new password with the link that we sent you.")
    assert client.post(SIGNIN, test_user_data).status_code == 401
    assert not Session.objects.live().exists()
    owner = User.objects.get()
    assert (owner.email_verified, owner.full_name) == (True, None)
    link = token_in(deliver()[-1])
    body = {"token": link, "password": "theownerspassword1"}
    assert client.post("/api/v1/auth/reset-password", body).status_code == 200
    mine = {"email": "test@example.com", "password": "theownerspassword1"}
    assert client.post(SIGNIN, mine).status_code == 200


def test_another_accounts_session_counts_as_ended(client, signed_up, token):
    User.objects.create_user("other@example.com", PASSWORD)
    other = client.post(SIGNIN, {"email": "other@example.com", "password": PASSWORD}).json()
    headers = {"Authorization": f"Bearer {other['access_token']}"}

    for body in ({"token": token}, {"token": token, "current_password": PASSWORD}):
        answer = client.post(VERIFY, body, headers=headers)

        assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
        assert signed_up.get(ME).json()["email_verified"] is False
    assert verify(signed_up, token).status_code == 200


def test_a_session_that_ends_meanwhile_proves_nothing(signed_up, token):
    session = Session.objects.select_related("user").get()
    Session.objects.all().revoke()

    with pytest.raises(InvalidToken):
        flows.verify_email(flows.MailboxProof(token=token, session=session), Actor())
    assert not User.objects.get().email_verified
    assert Link.objects.exists()


@pytest.mark.parametrize("header", ["Bearer stale", "Bearer"])
def test_a_stale_token_is_told_so(client, signed_up, token, header):
    answer = client.post(VERIFY, {"token": token}, headers={"Authorization": header})

    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
    assert signed_up.get(ME).json()["email_verified"] is False
    assert verify(signed_up, token).status_code == 200


def test_a_wrong_password_uses_nothing_up(client, signed_up, token):
    answer = verify(client, token, current_password="wrong")

    assert (answer.status_code, answer.json()["code"]) == (400, "password_incorrect")
    assert not User.objects.get().email_verified
    assert signed_up.get(ME).status_code == 200
    assert verify(signed_up, token).status_code == 200


def test_a_link_that_is_followed_again_says_so_and_does_nothing(client, signed_up, token):
    assert verify(signed_up, token).status_code == 200
    before = [row(User), row(Link), row(Session), Event.objects.count()]

    for body in ({}, {"current_password": PASSWORD}, {"current_password": "wrong"}):
        answer = verify(client, token, **body)
        assert (answer.status_code, answer.json()) == (
            200,
            {"message": "This email is verified already"},
        )

    assert [row(User), row(Link), row(Session), Event.objects.count()] == before


def test_a_link_that_ended_sessions_says_so_again_too(client, signed_up, token, deliver):
    verify(client, token, start_over=True)

    for more in ({}, {"start_over": True}):
        answer = verify(client, token, **more)
        assert answer.json() == {"message": "This email is verified already"}
    body = {"token": token_in(deliver()[-1]), "password": "theownerspassword1"}
    assert client.post("/api/v1/auth/reset-password", body).status_code == 200
    assert verify(client, token).json() == {"message": "This email is verified already"}


@pytest.mark.parametrize("change", [{"email": "other@example.com"}, {"email_verified_at": None}])
def test_a_used_link_is_void_once_its_address_is_no_longer_verified(client, token, change):
    verify(client, token, current_password=PASSWORD)
    User.objects.update(**change)
    before = row(User)

    assert_refused(verify(client, token))
    assert row(User) == before


def test_a_used_link_is_told_of_until_it_is_purged(client, token):
    verify(client, token, current_password=PASSWORD)
    with time_machine.travel(timezone.now() + timedelta(hours=47)):
        call_command("purge", stdout=StringIO())
        assert verify(client, token).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(hours=49)):
        call_command("purge", stdout=StringIO())
        assert_refused(verify(client, token))


def test_a_used_link_is_not_sent_again(client, token, deliver):
    """The mail server may have accepted a mail and reported a failure."""
    verify(client, token, current_password=PASSWORD)
    link = Link.objects.get()

    assert link.renew() is None
    assert row(Link)["digest"] == link.digest
    assert row(Link)["expires_at"] == link.expires_at


@pytest.mark.postgresql
def test_one_of_16_parallel_uses_verifies_and_the_rest_succeed_too(race, signed_up, token):
    answers = race(*[lambda: verify(signed_up, token)] * 16)

    said = [(answer.status_code, answer.json()["message"]) for answer in answers]
    assert said.count((200, "Email verified successfully")) == 1
    assert said.count((200, "This email is verified already")) == 15
    assert Event.objects.filter(name="email_verified").count() == 1


@pytest.mark.parametrize(("hours", "status"), [(23.9, 200), (24.1, 400)])
def test_a_link_is_good_for_a_day(client, token, hours, status):
    with time_machine.travel(timezone.now() + timedelta(hours=hours)):
        assert verify(client, token, current_password=PASSWORD).status_code == status
    assert User.objects.get().email_verified is (status == 200)


def test_a_link_for_an_address_that_is_no_more_is_void(client, token):
    User.objects.update(email="other@example.com")

    assert_refused(verify(client, token))
    assert not User.objects.get().email_verified


def test_a_get_verifies_nothing(client, token):
    assert client.get(f"{VERIFY}?token={token}").status_code == 405
    assert not User.objects.get().email_verified


def test_another_link_is_sent_on_request(client, token, deliver):
    assert client.post(RESEND, {"email": "test@example.com"}).status_code == 202
    newer = token_in(deliver()[1])

    assert_refused(verify(client, token))
    assert verify(client, newer, current_password=PASSWORD).status_code == 200


@pytest.mark.parametrize("email", ["nobody@example.com", "test@example.com", "x@localhost"])
def test_verified_and_unknown_email_addresses_get_no_link_and_the_same_answer(
    client, user, deliver, email
):
    unverified = client.post(RESEND, {"email": user.email})
    User.objects.update(email_verified_at=timezone.now())

    answer = client.post(RESEND, {"email": email})

    assert (answer.status_code, answer.content) == (202, unverified.content)
    assert deliver() == []


def test_without_verification_no_mail_is_sent(client, test_user_data, deliver, settings):
    settings.EMAIL_VERIFICATION = "none"

    assert client.post(SIGNUP, test_user_data).status_code == 201
    assert deliver() == []


def test_an_account_that_waits_for_approval_is_verified_too(
    client, test_user_data, deliver, settings
):
    settings.SIGNUP_MODE = "approval"
    client.post(SIGNUP, test_user_data)

    token = token_in(deliver()[0])
    assert verify(client, token, current_password=PASSWORD).status_code == 200
    assert User.objects.filter(is_active=False).exclude(email_verified_at=None).exists()


def test_an_address_that_staff_type_is_not_verified(superuser, user):
    User.objects.filter(pk=user.pk).update(email_verified_at=timezone.now())
    form = form_of(superuser, page_of(user)) | {"email": "typed@example.com"}
    superuser.post(page_of(user), form)

    changed = User.objects.get(pk=user.pk)
    assert (changed.email, changed.email_verified) == ("typed@example.com", False)
