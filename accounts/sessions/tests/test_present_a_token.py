"""Which tokens the API accepts and which it refuses."""

import base64
import json
import string
from datetime import timedelta
from uuid import uuid4

import jwt
import pytest
import time_machine
from django.conf import settings
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.sessions.models import Session
from accounts.sessions.tokens import verified
from accounts.users.models import User

URL = "/api/v1/users/me"
REFRESH = "/api/v1/auth/refresh"
SIGNOUT = "/api/v1/auth/signout"
KEY = settings.SIMPLE_JWT["SIGNING_KEY"]
pytestmark = pytest.mark.django_db


def sign(claims: dict, key: str = KEY, algorithm: str = "HS256", **headers) -> str:
    return jwt.encode(claims, key, algorithm=algorithm, headers=headers or None)


def refused(client, token: str) -> bool:
    answer = client.get(URL, headers={"Authorization": f"Bearer {token}"})
    return (answer.status_code, answer.json().get("code")) == (401, "token_not_valid")


@pytest.fixture
def claims(test_user_token):
    return jwt.decode(test_user_token, options={"verify_signature": False})


def test_an_access_token_has_these_claims(claims, user):
    assert claims.keys() == {
        *("aud", "exp", "gen", "iat", "iss", "jti", "sid", "sub", "token_type")
    }
    assert claims["sub"] == str(user.pk)
    assert claims["sid"] == str(Session.objects.get().pk)
    assert claims["exp"] - claims["iat"] == 900


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_is_accepted_in_any_case(client, test_user_token, scheme):
    headers = {"Authorization": f"{scheme} {test_user_token}"}
    assert client.get(URL, headers=headers).status_code == 200


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "Bearer a b", "bearer\t", "Bearer é"])
def test_a_bearer_header_without_one_token_is_refused(client, value):
    answer = client.get(URL, headers={"Authorization": value})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_is_read_from_the_header_alone(client, test_user_token):
    client.cookies["access_token"] = client.cookies["Authorization"] = test_user_token
    answer = client.get(f"{URL}?access_token={test_user_token}&token={test_user_token}")

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_an_access_token_expires(client, test_user_token):
    """With ten seconds of leeway for clocks that differ."""
    headers = {"Authorization": f"Bearer {test_user_token}"}
    expires_at = timezone.now() + timedelta(minutes=15)

    with time_machine.travel(expires_at + timedelta(seconds=8), tick=False):
        assert client.get(URL, headers=headers).status_code == 200
    with time_machine.travel(expires_at + timedelta(seconds=11), tick=False):
        assert refused(client, test_user_token)


CLAIMS = ["aud", "exp", "iat", "iss", "jti", "sid", "sub", "token_type"]
ODD = [None, "", "x", 0, -1, 1.5, 10**30, 1e300, [], ["x"], {}, {"a": "b"}, "9" * 5000, True]


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_that_is_missing_or_odd_is_refused(client, user, claims, claim):
    assert refused(client, sign({name: claims[name] for name in claims if name != claim}))
    for value in ODD:
        token = raw({**claims, claim: value})  # PyJWT would not even sign some of these.
        assert refused(client, token), value
    assert user.sessions.live().count() == 1


@pytest.mark.parametrize("generation", ["", "0", 1.5, 1e300, [], {}, True])
def test_an_odd_generation_is_refused(client, claims, generation):
    assert refused(client, raw({**claims, "gen": generation}))


def raw(payload: object, header: object = None) -> str:
    """Return a token with our signature over the given parts."""
    header = header or {"alg": "HS256", "typ": "JWT"}
    parts = [
        base64.urlsafe_b64encode(part if isinstance(part, bytes) else json.dumps(part).encode())
        .rstrip(b"=")
        .decode()
        for part in (header, payload)
    ]
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        ".".join(parts).encode(), KEY.encode()
    )
    return ".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=").decode()])


LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


def spellings(token: str) -> list[str]:
    """Return other spellings that Python decodes to the same signature and claims."""
    signed, _, signature = token.rpartition(".")
    last = LETTERS.index(signature[-1])
    # Of the six bits of the last letter two are no part of a signature of 32 bytes.
    others = [f"{signature[:-1]}{LETTERS[last ^ bits]}" for bits in (1, 2, 3)]
    others += [f"{signature}{end}" for end in ("=", "==", "\n", " ", "!")]
    others += [f"{signature[:9]}{sign}{signature[9:]}" for sign in "\n\t!*="]
    decoded = base64.urlsafe_b64decode(f"{signature}=")
    assert {base64.urlsafe_b64decode(f"{other}===") for other in others} == {decoded}
    return [f"{signed}.{other}" for other in others]


def test_a_token_is_good_in_one_spelling_only(client, user, test_user_token):
    for spelling in spellings(test_user_token):
        assert refused(client, spelling), spelling
        answer = client.post(SIGNOUT, headers={"Authorization": f"Bearer {spelling}"})
        assert answer.status_code == 401

    assert user.sessions.live().count() == 1
    headers = {"Authorization": f"Bearer {test_user_token}"}
    assert client.get(URL, headers=headers).status_code == 200


def test_a_refresh_token_is_good_in_one_spelling_only(client, user, member):
    def status(path: str, refresh_token: str) -> int:
        return client.post(path, {"refresh_token": refresh_token}).status_code

    for spelling in spellings(member.tokens["refresh_token"]):
        assert status(REFRESH, spelling) == 401, spelling
        assert status(SIGNOUT, spelling) == 401, spelling

    assert user.sessions.live().get().generation == 0
    assert status(REFRESH, member.tokens["refresh_token"]) == 200


@pytest.mark.parametrize(
    "payload", [b"", b"null", b"[]", b"7", b'"x"', b"{", b"[" * 5000, b'{"exp":1e999}', b"\xff"]
)
def test_a_payload_that_holds_no_claims_is_refused(client, payload):
    assert refused(client, raw(payload))


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 5000,
        b"null",
        b"[]",
        b"\xff",
        b"{}",
        {"alg": None},
        {"alg": ["HS256"]},
        {"alg": {"HS256": 1}},
        {"alg": "none"},
        {"alg": "HS384"},
        {"alg": "RS256"},
        {"alg": "HS256", "kid": 7},
        {"alg": "HS256", "crit": ["exp"]},
        {"alg": "HS256", "b64": False, "crit": ["b64"]},
    ],
)
def test_a_header_of_another_making_is_refused(client, claims, header):
    assert refused(client, raw(claims, header))


def test_a_token_of_another_key_or_algorithm_is_refused(client, claims):
    public = {"kty": "oct", "k": base64.urlsafe_b64encode(b"attacker" * 8).decode()}
    attacker = "attacker" * 16
    assert refused(client, sign(claims, attacker))
    assert refused(client, sign(claims, settings.SECRET_KEY))
    assert refused(client, sign(claims, KEY, "HS384"))
    assert refused(client, sign(claims, KEY, "HS512"))
    assert refused(client, jwt.encode(claims, None, algorithm="none"))
    assert refused(client, sign(claims, attacker, jwk=public))
    assert refused(client, sign(claims, attacker, jku="https://attacker.example/keys"))
    assert refused(client, sign(claims, attacker, kid="../../dev/null"))


def test_a_token_of_the_old_backend_is_refused(client, user):
    expires_at = int(timezone.now().timestamp()) + 900
    assert refused(client, sign({"sub": str(user.pk), "exp": expires_at}))
    assert refused(client, sign({"sub": user.email, "exp": expires_at}, "old-secret-key" * 8))


def test_a_refresh_token_opens_nothing(client, member):
    assert refused(client, member.tokens["refresh_token"])


def test_a_token_of_another_user_or_of_no_session_is_refused(client, user, claims):
    other = User.objects.create_user("other@example.com", "testpassword123")
    assert refused(client, sign({**claims, "sub": str(other.pk)}))
    assert refused(client, sign({**claims, "sid": str(uuid4())}))


@pytest.mark.parametrize(
    "change",
    [
        lambda user: user.sessions.all().revoke(),
        lambda user: user.sessions.all().delete(),
        lambda user: user.sessions.update(expires_at=timezone.now()),
        lambda user: User.objects.update(is_active=False),
        lambda user: user.delete(),
    ],
)
def test_an_ended_session_is_refused_from_the_next_request_on(
    client, user, test_user_token, change
):
    headers = {"Authorization": f"Bearer {test_user_token}"}
    assert client.get(URL, headers=headers).status_code == 200
    change(user)

    assert refused(client, test_user_token)


def test_only_a_good_token_is_remembered(client, claims, test_user_token):
    verified.cache_clear()
    for bad in ("x", f"{test_user_token}x", sign({**claims, "exp": claims["iat"] - 60})):
        assert refused(client, bad)
    assert verified.cache_info().currsize == 0

    for _ in range(2):
        headers = {"Authorization": f"Bearer {test_user_token}"}
        assert client.get(URL, headers=headers).status_code == 200
    assert (verified.cache_info().currsize, verified.cache_info().hits) == (1, 1)


@hypothesis_settings(
    max_examples=2000,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_mangled_token_is_ever_more_than_refused(client, test_user_token, data):
    alphabet = st.sampled_from(test_user_token + "=+/ .é\x7f")
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(test_user_token))] * 2)))
    middle = data.draw(st.text(alphabet, max_size=40))
    mangled = test_user_token[:start] + middle + test_user_token[end:]

    answer = client.get(URL, headers={"Authorization": f"Bearer {mangled}"})

    assert answer.status_code == 401 or mangled.lstrip() == test_user_token
