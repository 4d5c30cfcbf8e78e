"""The bench sends every operation its most expensive request."""

import json

import pytest

from accounts.tests import contract
from bench import worst


def test_every_operation_has_its_most_expensive_request():
    measured = {(route.path, route.method.lower()) for route in worst.ROUTES}

    for path, operations in contract.schema()["paths"].items():
        assert {method for at, method in measured if at == path} == set(operations), path


@pytest.mark.parametrize("fields", [{}, {"full_name": worst.LONG_NAME}])
def test_its_body_is_as_large_as_one_may_be(fields):
    body = worst.padded(fields)

    assert worst.MAX_BODY - 10 < len(body) <= worst.MAX_BODY
    assert fields.items() <= json.loads(body).items()


def test_its_fields_are_as_long_as_they_may_be(client, db):
    body = worst.signing_up()
    assert (len(body["email"]), len(body["password"]), len(body["full_name"])) == (253, 128, 200)

    assert client.post("/api/v1/auth/signup", body).status_code == 201

    for name in ("password", "full_name"):
        longer = {**worst.signing_up(), name: body[name] + "x"}
        assert client.post("/api/v1/auth/signup", longer).status_code == 400
