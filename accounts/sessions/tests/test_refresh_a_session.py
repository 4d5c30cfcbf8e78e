from datetime import UTC, datetime, timedelta

import jwt
import pytest
import time_machine

from accounts.actors.actor import Actor
from accounts.auth import flows as auth
from accounts.errors import InvalidToken
from accounts.events.models import Event
from accounts.sessions import flows
from accounts.sessions.models import Session
from accounts.sessions.tests.test_present_a_token import ODD, raw

URL = "/api/v1/auth/refresh"
ME = "/api/v1/users/me"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def refresh(client, token: str):
    return client.post(URL, {"refresh_token": token})


def refresh_from(address: str, client, tokens: dict):
    return client.post(URL, {"refresh_token": tokens["refresh_token"]}, REMOTE_ADDR=address)


def opens(client, tokens: dict) -> bool:
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    return client.get(ME, headers=headers).status_code == 200


def assert_refused(answer) -> None:
    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def tokens(clock, member):
    """Tokens of a session that was started at noon."""
    return member.tokens


@pytest.fixture
def claims(tokens):
    return jwt.decode(tokens["refresh_token"], options={"verify_signature": False})


def test_a_refresh_token_is_exchanged_for_the_next_pair(client, tokens, clock):
    clock.shift(60)
    answer = refresh(client, tokens["refresh_token"])

    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert (body["token_type"], body["expires_in"]) == ("bearer", 900)
    assert body["refresh_token"] != tokens["refresh_token"]
    assert opens(client, body)
    assert opens(client, tokens)
    session = Session.objects.get()
    assert (session.generation, session.last_used_at) == (1, NOON + timedelta(seconds=60))
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_winning_path_is_one_statement(client, tokens, django_assert_num_queries):
    with django_assert_num_queries(1) as queries:
        assert refresh(client, tokens["refresh_token"]).status_code == 200
    assert queries[0]["sql"].strip().startswith("UPDATE")


def test_a_refresh_token_goes_on_for_many_generations(client, tokens, clock):
    for generation in range(1, 21):
        clock.shift(3600)
        tokens = refresh(client, tokens["refresh_token"]).json()
        assert Session.objects.get().generation == generation
    assert opens(client, tokens)


def test_after_the_grace_it_is_theft_and_the_session_ends(client, tokens, clock):
    successor = refresh(client, tokens["refresh_token"]).json()
    assert opens(client, successor)
    clock.shift(11)

    assert_refused(refresh(client, tokens["refresh_token"]))

    assert not opens(client, successor)
    assert_refused(refresh(client, successor["refresh_token"]))
    session = Session.objects.get()
    assert session.revoked_at == NOON + timedelta(seconds=11)
    event = Event.objects.get(name="refresh_reuse")
    assert (event.user_id, event.session_id) == (session.user_id, session.pk)


def test_a_token_from_two_generations_ago_is_theft_at_once(client, tokens):
    successor = refresh(client, tokens["refresh_token"]).json()
    second = refresh(client, successor["refresh_token"]).json()

    assert_refused(refresh(client, tokens["refresh_token"]))

    assert not opens(client, second)


def test_a_generation_that_was_never_issued_ends_the_session(client, tokens, claims):
    """As after a restore of the database from before a refresh."""
    assert_refused(refresh(client, raw({**claims, "gen": 7})))
    assert not Session.objects.live().exists()


def test_theft_of_one_session_leaves_the_others_alone(client, tokens, sign_in, clock):
    other = sign_in()
    assert opens(client, refresh(client, tokens["refresh_token"]).json())
    clock.shift(11)
    assert_refused(refresh(client, tokens["refresh_token"]))

    assert refresh(client, other.tokens["refresh_token"]).status_code == 200


def test_with_no_grace_a_refresh_token_is_used_once(client, tokens, settings):
    settings.REFRESH_GRACE_SECONDS = 0

    assert refresh(client, tokens["refresh_token"]).status_code == 200
    assert_refused(refresh(client, tokens["refresh_token"]))
    assert not Session.objects.live().exists()


@pytest.mark.parametrize(("seconds", "is_live"), [(-1, True), (0, False), (1, False)])
def test_a_session_that_is_not_used_ends_after_7_days(client, tokens, clock, seconds, is_live):
    clock.move_to(NOON + timedelta(days=7, seconds=seconds))

    assert (refresh(client, tokens["refresh_token"]).status_code == 200) is is_live


def test_a_session_that_is_used_goes_on(client, tokens, clock):
    clock.move_to(NOON + timedelta(days=6))
    tokens = refresh(client, tokens["refresh_token"]).json()
    assert Session.objects.get().expires_at == NOON + timedelta(days=13)

    clock.move_to(NOON + timedelta(days=12))
    assert refresh(client, tokens["refresh_token"]).status_code == 200


@pytest.mark.parametrize(("seconds", "is_live"), [(-1, True), (0, False), (1, False)])
def test_every_session_ends_after_30_days(client, tokens, clock, seconds, is_live):
    for day in range(6, 30, 6):
        clock.move_to(NOON + timedelta(days=day))
        tokens = refresh(client, tokens["refresh_token"]).json()
    assert Session.objects.get().expires_at == NOON + timedelta(days=30)

    clock.move_to(NOON + timedelta(days=29, hours=23, minutes=55))
    tokens = refresh(client, tokens["refresh_token"]).json()
    clock.move_to(NOON + timedelta(days=30, seconds=seconds))

    assert opens(client, tokens) is is_live
    assert (refresh(client, tokens["refresh_token"]).status_code == 200) is is_live


@pytest.mark.parametrize("ending", ["revoke", "delete"])
def test_the_token_of_an_ended_session_is_refused(client, user, tokens, ending):
    getattr(user.sessions.all(), ending)()

    assert_refused(refresh(client, tokens["refresh_token"]))


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "a.b.c",
        "x" * 10_000,
        "." * 10_000,
        "\u00e9.\u00e9.\u00e9",
        raw({"token_type": "refresh"}),
        raw({"sid": "3a7d9582-3d61-4de8-aa4c-ad442578d9c7"}),
        jwt.encode({"token_type": "refresh", "gen": 0}, "another key" * 8, "HS256"),
        jwt.encode({"token_type": "refresh", "gen": 0}, None, "none"),
    ],
)
def test_an_invalid_refresh_token_ends_no_session(client, tokens, token):
    assert_refused(refresh(client, token))
    assert refresh(client, tokens["refresh_token"]).status_code == 200


@pytest.mark.parametrize("token", [7, None, "", [], {}, True])
def test_a_token_that_is_no_string_is_400(client, tokens, token):
    answer = refresh(client, token)

    assert (answer.status_code, answer.json()["errors"][0]["attr"]) == (400, "refresh_token")
    assert refresh(client, tokens["refresh_token"]).status_code == 200


def test_an_access_token_is_not_exchanged(client, tokens):
    assert_refused(refresh(client, tokens["access_token"]))
    assert opens(client, tokens)


CLAIMS = ["aud", "exp", "iat", "iss", "jti", "sid", "sub", "token_type", "gen", "auth_time"]
# The current generation; and a sign-in so long ago that the session is over.
HARMLESS = {("gen", "0"), ("auth_time", "1.5")}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_that_is_missing_or_odd_is_refused(client, user, claims, claim):
    without = {name: claims[name] for name in claims if name != claim}
    assert_refused(refresh(client, raw(without)))
    for value in ODD:
        if (claim, repr(value)) in HARMLESS:
            continue
        assert_refused(refresh(client, raw({**claims, claim: value})))
    assert user.sessions.live().count() == 1


def test_a_token_of_another_session_moves_only_that_one(client, tokens, sign_in):
    other = sign_in()
    refresh(client, other.tokens["refresh_token"])

    assert refresh(client, tokens["refresh_token"]).status_code == 200
    assert sorted(Session.objects.values_list("generation", flat=True)) == [1, 1]


def test_a_deleted_person_gets_no_more_tokens(client, user, tokens):
    user.delete()

    assert_refused(refresh(client, tokens["refresh_token"]))


def parallel_refreshes(token: str, count: int):
    def one():
        try:
            return flows.refresh(token, Actor()).refresh_token
        except InvalidToken:
            return "refused"

    return [one] * count


@pytest.mark.postgresql
def test_16_parallel_refreshes_get_the_same_successor(race, user):
    for _ in range(20):
        tokens = flows.start(user, Actor())
        successors = race(*parallel_refreshes(tokens.refresh_token, 16))

        assert len(set(successors)) == 1
        assert "refused" not in successors
        session = Session.objects.order_by("-created_at").first()
        assert (session.generation, session.revoked_at) == (1, None)
    assert Session.objects.live().count() == 20


@pytest.mark.postgresql
def test_with_no_grace_one_of_16_parallel_refreshes_wins(race, user, settings):
    settings.REFRESH_GRACE_SECONDS = 0
    for _ in range(20):
        tokens = flows.start(user, Actor())
        successors = race(*parallel_refreshes(tokens.refresh_token, 16))

        assert successors.count("refused") == 15
    assert not Session.objects.live().exists()


@pytest.mark.postgresql
def test_two_servers_issue_one_successor(race, user, nodes):
    for _ in range(20):
        tokens = flows.start(user, Actor())
        body = {"refresh_token": tokens.refresh_token}
        calls = [lambda node=node: node.post(URL, body) for node in nodes for _ in range(8)]
        answers = race(*calls)

        assert [status for status, _ in answers] == [200] * 16
        assert len({body["refresh_token"] for _, body in answers}) == 1
    assert Session.objects.live().count() == 20


@pytest.mark.postgresql
def test_a_refresh_beside_a_sign_out_leaves_no_live_token(race, user):
    for _ in range(100):
        tokens = flows.start(user, Actor())
        ended, successor, _ = race(
            lambda: auth.signout(tokens.access_token, None, "local", Actor()),
            *parallel_refreshes(tokens.refresh_token, 2),
        )
        assert ended is None
        assert not Session.objects.live().exists()
        with pytest.raises(InvalidToken):
            flows.refresh(tokens.refresh_token if successor == "refused" else successor, Actor())
