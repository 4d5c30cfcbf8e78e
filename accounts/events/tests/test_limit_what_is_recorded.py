"""However fast a member asks, the log grows slowly: above the limit nothing changes."""

from collections import Counter
from datetime import timedelta

import pytest

from accounts.conftest import DocumentedClient
from accounts.events.models import Event, EventName
from accounts.outbox.models import Mail
from accounts.sessions.models import Session
from accounts.users.models import User

ME = "/api/v1/users/me"
SIGNOUT = "/api/v1/auth/signout"
NEW_EMAIL = {"new_email": "new@example.com"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def limited(settings):
    settings.CHANGE_RATE_ACCOUNT = (2, timedelta(hours=1))


def recorded() -> Counter:
    return Counter(Event.objects.values_list("name", flat=True))


def test_500_new_names_are_60_events_and_one_of_the_limit(clock, sign_in):
    member = sign_in()
    answers = [member.patch(ME, {"full_name": f"Ana {number}"}) for number in range(500)]

    assert [answer.status_code for answer in answers] == [200] * 60 + [429] * 440
    assert answers[60].json()["code"] == "too_many_attempts"
    assert answers[60].headers["Retry-After"] == "3600"
    assert User.objects.get().full_name == "Ana 59"
    assert recorded() == {"signin_succeeded": 1, "profile_changed": 60, "limit_reached": 1}
    reached, session = Event.objects.get(name=EventName.LIMIT_REACHED), Session.objects.get()
    assert (reached.user_id, reached.session_id) == (session.user_id, session.pk)
    assert reached.details == {"limit": "CHANGE_RATE_ACCOUNT"}

    clock.shift(timedelta(hours=1))
    assert sign_in().patch(ME, {"full_name": "Ana"}).status_code == 200


def passwords(start: int, member) -> list[int]:
    statuses = []
    for number in range(start, start + 3):
        current = f"newpassword{number - 1}" if number else "testpassword123"
        body = {"current_password": current, "new_password": f"newpassword{number}"}
        statuses.append(member.post(f"{ME}/change-password", body).status_code)
    return statuses


def test_over_the_limit_a_password_stays(client, member, limited, user):
    assert passwords(0, member) == [200, 200, 429]

    assert recorded()["password_changed"] == 2
    assert User.objects.get().check_password("newpassword1")
    body = {"password": "newpassword2", "current_password": "newpassword1"}
    assert member.patch(ME, body).status_code == 429
    assert User.objects.get().check_password("newpassword1")
    assert recorded()["password_changed"] == 2


def test_over_the_limit_nothing_is_mailed_to_a_new_address(member, limited):
    statuses = [member.post(f"{ME}/change-email", NEW_EMAIL).status_code for _ in range(3)]

    assert statuses == [202, 202, 429]
    assert recorded()["email_change_requested"] == 2
    assert Mail.objects.count() == 2


def test_each_kind_has_a_count_of_its_own(member, limited):
    for _ in range(3):
        member.patch(ME, {"full_name": "Ana"})

    assert member.post(f"{ME}/change-email", NEW_EMAIL).status_code == 202
    assert passwords(0, member) == [200, 200, 429]
    assert member.get(ME).status_code == 200


def test_the_sessions_of_an_account_share_the_count_and_others_do_not(sign_in, limited):
    laptop, phone = sign_in(), sign_in()
    assert laptop.patch(ME, {"full_name": "Ana"}).status_code == 200
    assert phone.patch(ME, {"full_name": "Bea"}).status_code == 200

    assert sign_in().patch(ME, {"full_name": "Eve"}).status_code == 429
    assert User.objects.get().full_name == "Bea"

    User.objects.create_user("other@example.com", "testpassword123")
    other = DocumentedClient()
    body = {"email": "other@example.com", "password": "testpassword123"}
    token = other.post("/api/v1/auth/signin", body).json()["access_token"]
    other.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert other.patch(ME, {"full_name": "Other"}).status_code == 200


def test_an_invalid_change_uses_no_limit(member, limited):
    body = {"current_password": "testpassword123", "new_password": "short"}
    for _ in range(5):
        assert member.post(f"{ME}/change-password", body).status_code == 400
        assert member.patch(ME, {"full_name": "\u202eevil"}).status_code == 400

    assert recorded() == {"signin_succeeded": 1}
    assert passwords(0, member) == [200, 200, 429]
    assert member.patch(ME, {"full_name": "Ana"}).status_code == 200


def test_to_sign_out_others_again_and_again_is_one_event(sign_in):
    sign_in()
    member = sign_in()

    statuses = {member.post(SIGNOUT, {"scope": "others"}).status_code for _ in range(100)}

    assert statuses == {204}
    assert recorded() == {"signin_succeeded": 2, "signout": 1}
    assert member.get(ME).status_code == 200


@pytest.mark.postgresql
def test_40_simultaneous_changes_on_2_nodes_record_as_many_as_the_limit_allows(
    race, start_node, user, test_user_data
):
    nodes = [start_node(CHANGE_RATE_ACCOUNT="7/1h") for _ in range(2)]
    credentials = {name: test_user_data[name] for name in ("email", "password")}
    _, tokens = nodes[0].post("/api/v1/auth/signin", credentials)

    def rename(number: int):
        body, token = {"full_name": f"Ana {number}"}, tokens["access_token"]
        return lambda: nodes[number % 2].send("PATCH", ME, body, token)[0]

    statuses = Counter(race(*(rename(number) for number in range(40))))

    assert statuses == {200: 7, 429: 33}
    assert recorded() == {"signin_succeeded": 1, "profile_changed": 7, "limit_reached": 1}
