"""Which bodies the API reads and which it refuses."""

import json
from io import BytesIO

import pytest
from rest_framework.exceptions import ParseError

from accounts.users.models import User
from lazyrabbit.parsers import StrictJSONParser

URL = "/api/v1/auth/signup"
pytestmark = pytest.mark.django_db


@pytest.fixture
def send(client):
    def send(body: bytes | str, content_type: str = "application/json", **headers: str):
        data = body if isinstance(body, bytes) else body.encode()
        return client.post(URL, data, content_type=content_type, headers=headers)

    return send


def body(extra: str = '"x": 1') -> str:
    return f'{{"email": "test@example.com", "password": "testpassword123", {extra}}}'


def nested(levels: int) -> str:
    """Return a body nested this many levels deep, itself included."""
    return body('"x": ' + "[" * (levels - 1) + "]" * (levels - 1))


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'],
)
def test_json_in_utf8_is_read(send, content_type):
    assert send(body('"full_name": "Ана 🐇"'), content_type).status_code == 201
    assert User.objects.get().full_name == "Ана 🐇"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "text/json",
        "application/xml",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "application/json; charset=bz2",
        "application/jsonx",
        "*/*",
        "application/*",
        "*/json",
        "application/*; charset=utf-8",
        "nonsense",
        "x" * 5000,
    ],
)
def test_anything_else_is_415(send, content_type):
    answer = send(body(), content_type)

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert answer.json()["detail"] == "Send the body as application/json in UTF-8."
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "text",
    [
        body('"email": "other@example.com"'),
        body('"x": {"a": 1, "a": 2}'),
        body('"x": NaN'),
        body('"x": Infinity'),
        body('"x": -Infinity'),
        body('"x": 1e999'),
        body('"x": ' + "9" * 5000),
        body() + " {}",
        body() + "x",
        body('"x": "\\ud800"'),
        body('"\\udfff": 1'),
        body('"x": "\\u0000"'),
        body('"x": ["a", {"b": "c\\u0000"}]'),
        body('"\\u0000": 1'),
        body('"x": "\0"'),
        body("\"x\": 'single'"),
        body('"x": 1,'),
        nested(33),
        nested(5000),
        '{"a":' * 5000,
        "[]",
        '"text"',
        "7",
        "null",
        "true",
        "{",
        "\ufeff\ufeff" + body(),
        '{"a": 1}\ufeff',
        body().encode("utf-16"),
        b'{"email": "\xff\xfe"}',
        b'{"email": "\xed\xa0\x80"}',
        b"\xff",
    ],
)
def test_ambiguous_or_unstorable_json_is_400(send, text):
    answer = send(text)

    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"].startswith("The request body ")
    assert not User.objects.exists()


def test_a_byte_order_mark_is_skipped(send):
    assert send("\ufeff" + body('"full_name": "Ана"')).status_code == 201
    assert User.objects.get().full_name == "Ана"


def test_32_levels_are_read(send):
    assert send(nested(32)).status_code == 201


def test_a_pair_of_surrogates_is_a_character(send):
    assert send(body('"full_name": "\\ud83d\\udc07"')).status_code == 201
    assert User.objects.get().full_name == "🐇"


def test_a_backslash_before_u0000_is_only_a_backslash(send):
    assert send(body('"full_name": "\\\\u0000"')).status_code == 201
    assert User.objects.get().full_name == "\\u0000"


@pytest.mark.parametrize(("size", "status"), [(64 * 1024, 201), (64 * 1024 + 1, 413)])
def test_a_body_may_have_64_kib(send, size, status):
    padding = "x" * (size - len(body('"x": ""')))

    answer = send(body(f'"x": "{padding}"'))

    assert answer.status_code == status
    assert User.objects.exists() is (status == 201)
    if status == 413:
        assert answer.json()["code"] == "body_too_large"


def test_a_body_beyond_all_limits_is_413_too(send):
    assert send("x" * 3_000_000).status_code == 413


@pytest.mark.parametrize("path", [URL, "/api/v1/users/me", "/admin/login/"])
def test_a_body_in_chunks_without_a_length_is_411(client, path):
    answer = client.generic(
        "POST", path, headers={"Transfer-Encoding": "chunked"}, CONTENT_LENGTH=""
    )

    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")


def test_no_body_is_an_empty_object(client):
    answer = client.post(URL)

    assert answer.status_code == 400
    assert [error["attr"] for error in answer.json()["errors"]] == ["email", "password"]


def test_a_client_that_goes_away_while_it_sends_is_no_error_of_ours(rf):
    class Broken(BytesIO):
        def read(self, *sizes):
            raise ConnectionResetError

    request = rf.generic("POST", URL, CONTENT_LENGTH="50")
    request._stream = Broken()

    with pytest.raises(ParseError, match="did not arrive"):
        StrictJSONParser().parse(request, "application/json")


def test_no_input_is_repeated(send):
    canary = "c4n4ry"
    bodies = [
        json.dumps({"email": canary, "password": canary, "full_name": [canary]}),
        json.dumps({canary: canary}),
        f'{{"{canary}": 1, "{canary}": 2}}',
        f'{{"{canary}"',
        f"{canary}",
    ]
    for text in bodies:
        assert canary not in send(text).content.decode()
    assert canary not in send(body(), f"application/{canary}").content.decode()
    assert canary not in send(body(), f"application/json; charset={canary}").content.decode()
