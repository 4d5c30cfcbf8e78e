"""An operator learns why a person cannot sign in."""

import re

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from accounts.users.models import User

SIGNIN = "/api/v1/auth/signin"
FORGOT = "/api/v1/auth/forgot-password"
PASSWORD = "testpassword123"
pytestmark = pytest.mark.django_db


@pytest.fixture
def attempt(client):
    def attempt(password: str, peer: str, email: str = "test@example.com") -> int:
        body = {"email": email, "password": password}
        return client.post(SIGNIN, body, REMOTE_ADDR=peer).status_code

    return attempt


@pytest.fixture
def explain(capsys):
    """Return the lines of the command."""

    def explain(email: str = "test@example.com") -> list[str]:
        call_command("explain", email)
        return capsys.readouterr().out.splitlines()

    return explain


def test_explain_says_that_nothing_is_wrong(explain, attempt, user, clock):
    attempt(PASSWORD, "203.0.113.7")
    created = f"{user.created_at:%Y-%m-%d %H:%M:%S} UTC"

    assert explain("TEST@example.com ") == [
        f"This is user {user.pk}, since {created}.",
        "The email address is not verified, and EMAIL_VERIFICATION is optional.",
        "Nothing keeps them from signing in with the right password.",
        "Live sessions: 1; last seen 2026-01-01 12:00:00 UTC, Unknown device from 203.0.113.7.",
        "2026-01-01 12:00:00 UTC: signin_succeeded from 203.0.113.7.",
        "No mail to them waits or has failed.",
    ]


def test_explain_says_which_limits_block_until_when(explain, attempt, user, clock):
    for number in range(25):
        attempt("wrong", "192.0.2.1", f"person{number}@example.com")
    while attempt("wrong", "192.0.2.1") == 401:
        pass

    lines = explain()

    assert not [line for line in lines if line.startswith("Nothing keeps them")]
    assert sorted(line for line in lines if line.startswith("Blocked")) == [
        (
            "Blocked: 30 of 30 failed sign-ins of any account from 192.0.2.1,"
            " until 2026-01-01 12:01:00 UTC (SIGNIN_RATE_NETWORK)."
        ),
        (
            "Blocked: 5 of 5 wrong passwords from 192.0.2.1,"
            " until 2026-01-01 12:05:00 UTC (SIGNIN_RATE_ACCOUNT_NETWORK)."
        ),
    ]
    clock.shift(300)
    assert "Nothing keeps them from signing in with the right password." in explain()


def test_explain_tells_waiting_from_deactivated_accounts(explain, client, superuser, settings):
    settings.SIGNUP_MODE = "approval"
    person = {"email": "test@example.com", "password": PASSWORD}
    client.post("/api/v1/auth/signup", person)
    waits = "The account is not active: it waits for staff to approve it."
    assert waits in explain()

    page = "/admin/accounts/user/"
    chosen = {"_selected_action": User.objects.get(email=person["email"]).pk}
    superuser.post(page, chosen | {"action": "approve"})
    assert "Nothing keeps them from signing in with the right password." in explain()
    superuser.post(page, chosen | {"action": "deactivate_and_sign_out"})

    lines = explain()
    assert waits not in lines
    assert [line for line in lines if line.startswith("The account was deactivated on 2")]


def test_explain_says_that_verification_and_password_are_missing(explain, user, settings):
    settings.EMAIL_VERIFICATION = "required"
    user.set_unusable_password()
    user.save()
    lines = explain()

    assert "The email address is not verified, and EMAIL_VERIFICATION is required." in lines
    assert "They cannot sign in before they verify it (resend-verification mails a link)." in lines
    assert "There is no password: they need a link to set one (forgot-password mails it)." in lines
    assert "They hold no session, and none that has ended is kept." in lines

    User.objects.update(email_verified_at=timezone.now())
    assert not [line for line in explain() if "verify it" in line]


def test_explain_tells_the_last_ten_events(explain, attempt, user, clock):
    for _ in range(3):
        attempt("wrong", "192.0.2.1")
    for _ in range(9):
        clock.shift(1)
        attempt(PASSWORD, "192.0.2.2")

    told = [line for line in explain() if line.startswith("2026-")]

    failed = "2026-01-01 12:00:00 UTC: signin_failed from 192.0.2.1 (reason: wrong_password)."
    assert told[0] == "2026-01-01 12:00:09 UTC: signin_succeeded from 192.0.2.2."
    assert (len(told), told[-1]) == (10, failed)


def test_explain_finds_the_mails_that_wait_or_failed(explain, clock, client, member, user, deliver):
    client.post(FORGOT, {"email": user.email})
    deliver()  # Looks the email address up, and sends the link.
    client.post(FORGOT, {"email": user.email})
    client.post("/api/v1/auth/resend-verification", {"email": user.email})
    deliver()
    other = User.objects.create_user("other@example.com", PASSWORD)
    client.post(FORGOT, {"email": other.email})
    new = {"current_password": PASSWORD, "new_password": "anotherpassword123"}
    member.post("/api/v1/users/me/change-password", new)
    client.post("/api/v1/auth/resend-verification", {"email": user.email})
    DBTaskResult.objects.filter(args_kwargs__args__0="password_changed").update(
        status="FAILED", worker_ids=["a", "b"], traceback="451 4.3.0 Try again later"
    )

    lines = [line for line in explain() if line.startswith("The mail ")]

    at = "of 2026-01-01 12:00:00 UTC"
    assert sorted(lines) == [
        (
            f"The mail notice: password_changed {at} has failed for good, attempts: 2,"
            " last error 451 4.3.0 Try again later."
        ),
        f"The mail request: verify-email {at} waits, attempts: 0.",
    ]
    deliver()


def test_explain_says_that_no_more_mail_is_sent(explain, client, user, clock):
    for _ in range(6):
        client.post(FORGOT, {"email": user.email})

    lines = explain()

    until = "until 2026-01-01 13:00:00 UTC (MAIL_RATE_ACCOUNT)"
    assert f"No more is sent: 5 of 5 mails of the kind reset-password, {until}." in lines
    assert "Nothing keeps them from signing in with the right password." in lines


def test_explain_says_nothing_secret(explain, client, member, user, deliver):
    client.post(FORGOT, {"email": user.email})
    token = deliver()[-1].body.partition("#token=")[2].split()[0]
    client.post(FORGOT, {"email": user.email})

    said = "\n".join(explain())

    for secret in (token, user.password, PASSWORD, *user.links.values_list("digest", flat=True)):
        assert secret not in said
    assert user.email not in said


def test_an_email_address_without_an_account_is_told_from_nonsense(explain, db):
    assert explain("unknown@example.com") == ["No account has this email address."]
    for nonsense in ("nonsense", "", "a@example.com,b@example.com"):
        with pytest.raises(CommandError, match=r"^This cannot be an email address\.$"):
            explain(nonsense)


def test_an_imported_email_address_that_no_new_account_may_have_is_explained(explain, db):
    user = User.objects.create_user("ana@localhost", PASSWORD)

    assert re.match(rf"This is user {user.pk}, since ", explain("Ana@localhost")[0])
