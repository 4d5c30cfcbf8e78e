"""A person who forgot the password sets another one with a link in a mail."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.actors.actor import Actor
from accounts.errors import LinkNotValid
from accounts.events.models import Event
from accounts.links.models import Link
from accounts.passwords import flows
from accounts.sessions.models import Session
from accounts.throttling.models import Counter
from accounts.users.models import User

FORGOT = "/api/v1/auth/forgot-password"
RESET = "/api/v1/auth/reset-password"
SIGNIN = "/api/v1/auth/signin"
NEW = "anotherpassword123"
pytestmark = pytest.mark.django_db


def token_in(message) -> str:
    (token,) = re.findall(r"#token=([\w-]{43})\n", message.body)
    return token


@pytest.fixture
def token(client, user, deliver):
    """The token of a link that was mailed to the user."""
    assert client.post(FORGOT, {"email": user.email}).status_code == 202
    (message,) = deliver()
    assert message.to == ["test@example.com"]
    return token_in(message)


def reset(client, token: str, password: str = NEW):
    return client.post(RESET, {"token": token, "password": password})


def assert_refused(answer) -> None:
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {
            "attr": "token",
            "code": "link_not_valid",
            "detail": "This link is invalid or has expired.",
        }
    ]


def test_a_new_password_is_set_with_the_link(client, member, token, user, deliver):
    answer = reset(client, token)

    assert (answer.status_code, answer.json()) == (
        200,
        {"message": "Password changed successfully"},
    )
    assert member.get("/api/v1/users/me").status_code == 401
    assert not Session.objects.live().exists()
    old = {"email": user.email, "password": "testpassword123"}
    assert client.post(SIGNIN, old).status_code == 401
    signed_in = client.post(SIGNIN, old | {"password": NEW})
    assert signed_in.json()["user"]["email_verified"] is True
    event = Event.objects.get(name="password_reset")
    assert (event.user_id, event.details) == (user.pk, {"sessions_ended": 1})
    assert Event.objects.filter(name="password_reset_requested", user=user).count() == 1
    assert [message.subject for message in deliver()][1:] == ["Your password was changed"]


@pytest.mark.parametrize(("is_verified", "events"), [(False, 1), (True, 0)])
def test_an_address_that_a_reset_proves_first_is_recorded(client, token, is_verified, events):
    User.objects.update(email_verified_at=timezone.now() if is_verified else None)

    assert reset(client, token).status_code == 200

    assert User.objects.get().email_verified
    assert Event.objects.filter(name="email_verified").count() == events


@pytest.mark.parametrize(
    "email", ["test@example.com", "nobody@example.com", "nobody@localhost", " TEST@Example.com"]
)
def test_the_answer_is_the_same_for_every_address(client, user, email):
    known = client.post(FORGOT, {"email": "test@example.com"})
    asked = client.post(FORGOT, {"email": email})

    assert asked.status_code == 202
    assert asked.content == known.content
    assert not mail.outbox


def test_the_work_for_an_unknown_address_is_that_for_a_known_one(client, user):
    def statements(email: str) -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            client.post(FORGOT, {"email": email})
        return [query["sql"].split()[0] for query in queries]

    assert statements("test@example.com") == statements("nobody@example.com")


@pytest.mark.parametrize(
    ("change", "mails"), [({}, 1), ({"is_active": False}, 0), ({"email": "other@example.com"}, 0)]
)
def test_only_an_active_account_of_the_address_gets_a_mail(client, user, deliver, change, mails):
    User.objects.update(**change)

    client.post(FORGOT, {"email": "test@example.com"})

    assert len(deliver()) == mails


@pytest.mark.parametrize(
    "look_alike", ["test@examp\u0142e.com", "te\u017ft@example.com", "test@example.com\u200b"]
)
def test_a_look_alike_email_address_gets_no_mail(client, user, deliver, look_alike):
    client.post(FORGOT, {"email": look_alike})

    assert deliver() == []


def test_a_mail_goes_to_the_stored_address(client, user, deliver):
    client.post(FORGOT, {"email": "  TEST@EXAMPLE.com "})

    (message,) = deliver()
    assert message.to == ["test@example.com"]


def test_no_header_changes_where_the_link_leads(client, user, deliver, settings):
    settings.ALLOWED_HOSTS = ["testserver", "evil.example"]
    settings.LINK_URL = "https://app.example.com"
    headers = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "Forwarded": "host=evil.example",
        "Origin": "https://evil.example",
        "Referer": "https://evil.example/",
    }
    client.post(FORGOT, {"email": user.email}, headers=headers)

    (message,) = deliver()
    html = str(message.alternatives[0][0])
    assert "https://app.example.com/reset-password#token=" in message.body
    assert "https://app.example.com/reset-password#token=" in html
    assert "evil" not in message.body + html


def test_a_link_works_once(client, token):
    assert reset(client, token).status_code == 200
    before = User.objects.get().password

    assert_refused(reset(client, token, "yetanotherpassword1"))
    assert User.objects.get().password == before


@pytest.mark.parametrize("refused", ["short", "password", "x" * 129, "test@example.com"])
def test_a_refused_password_leaves_the_link_good(client, token, user, refused):
    answer = reset(client, token, refused)

    assert answer.status_code == 400
    assert {error["attr"] for error in answer.json()["errors"]} == {"password"}
    assert User.objects.get().password == user.password
    assert reset(client, token).status_code == 200


@pytest.mark.parametrize(("minutes", "status"), [(59.9, 200), (60.1, 400)])
def test_a_link_is_good_for_an_hour(client, token, minutes, status):
    with time_machine.travel(timezone.now() + timedelta(minutes=minutes)):
        assert reset(client, token).status_code == status


@pytest.mark.parametrize("who", ["owner", "staff"])
def test_a_new_password_makes_the_link_void(member, client, token, user, who):
    if who == "owner":
        body = {"current_password": "testpassword123", "new_password": "newpassword123"}
        member.post("/api/v1/users/me/change-password", body)
    else:
        flows.set_by_staff(user, "newpassword123", Actor())

    assert_refused(reset(client, token))
    assert User.objects.get().check_password("newpassword123")


@pytest.mark.parametrize("change", [{"is_active": False}, {"email": "other@example.com"}])
def test_a_link_ends_with_the_account_or_address_it_was_for(client, token, user, change):
    User.objects.update(**change)

    assert_refused(reset(client, token))
    assert User.objects.get().password == user.password


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "x" * 10_000, "\u00fc" * 43, None, 7, ["x"]])
def test_an_invalid_token_is_refused(client, user, token):
    answer = reset(client, token)

    assert answer.status_code == 400
    assert [error["attr"] for error in answer.json()["errors"]] == ["token"]


@pytest.mark.parametrize(
    ("sent", "code"), [("x" * 43, "link_not_valid"), ("", "blank"), (7, "invalid")]
)
def test_every_mistake_is_named_at_once(client, token, user, sent, code):
    """Without a live link no account is known, so its email address excludes no password."""
    short, similar = (reset(client, sent, password) for password in ("short12", user.email))

    for answer, refused in ((short, [("password", "password_too_short")]), (similar, [])):
        assert (answer.status_code, answer.json()["code"]) == (400, code)
        errors = [(e["attr"], e["code"]) for e in answer.json()["errors"]]
        assert errors == [("token", code), *refused]
    assert User.objects.get().password == user.password
    assert reset(client, token).status_code == 200


def test_a_link_of_another_purpose_sets_no_password(client, token, user):
    Link.objects.update(purpose="verify-email")

    assert_refused(reset(client, token))


def test_only_a_digest_is_stored(client, token):
    link = Link.objects.get()

    assert len(link.digest) == 64
    assert token not in str(Link.objects.values().get())


def test_a_reset_ends_the_blocks_in_every_network(client, token, user):
    def sign_in(peer: str, password: str) -> int:
        body = {"email": user.email, "password": password}
        return client.post(SIGNIN, body, REMOTE_ADDR=peer).status_code

    peers = ("192.0.2.1", "2001:db8::1")
    for peer in peers:
        assert [sign_in(peer, "wrong") for _ in range(6)] == [401] * 5 + [429]

    assert reset(client, token).status_code == 200

    assert [sign_in(peer, NEW) for peer in peers] == [200, 200]


@pytest.mark.postgresql
def test_one_of_16_parallel_uses_succeeds(race, client, token):
    def use(number):
        def run():
            try:
                flows.reset(token, f"anotherpassword{number}", Actor())
            except LinkNotValid:
                return None
            return f"anotherpassword{number}"

        return run

    winners = [won for won in race(*(use(number) for number in range(16))) if won]

    assert len(winners) == 1
    assert User.objects.get().check_password(winners[0])
    assert Event.objects.filter(name="password_reset").count() == 1


@pytest.mark.postgresql
def test_a_reset_beside_other_changes_never_waits_in_a_circle(race, client, user, deliver):
    """A reset, a change and a sign-in at once cause no server error."""
    for _ in range(10):
        mail.outbox.clear()
        flows.set_by_staff(user, "testpassword123", Actor())
        Link.objects.all().delete()
        client.post(FORGOT, {"email": user.email})
        token = token_in([message for message in deliver() if "#token" in message.body][-1])
        signed_in = client.post(SIGNIN, {"email": user.email, "password": "testpassword123"})
        headers = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
        body = {"current_password": "testpassword123", "new_password": "newpassword123"}
        statuses = race(
            lambda: reset(client, token).status_code,
            lambda: (
                client.post("/api/v1/users/me/change-password", body, headers=headers).status_code
            ),
            lambda: client.post(FORGOT, {"email": user.email}).status_code,
        )
        assert not [status for status in statuses if status >= 500]
        Counter.objects.all().delete()
