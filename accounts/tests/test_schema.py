"""The schema that frontends build on."""

import json
import re

import pytest
from drf_spectacular.generators import SchemaGenerator

OPERATIONS = [
    pytest.param(operation, id=f"{method} {path}")
    for path, methods in SchemaGenerator().get_schema(request=None, public=True)["paths"].items()
    for method, operation in methods.items()
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_has_a_summary(operation):
    assert operation["summary"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_shows_an_example_of_what_it_takes_and_answers(operation):
    bodies = [operation.get("requestBody", {}), operation["responses"].get("200", {})]
    for body in bodies:
        for content in body.get("content", {}).values():
            assert content["examples"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_names_each_status_and_code_of_its_problems(operation):
    statuses = {status for status in operation["responses"] if int(status) >= 400}
    assert {"400", "405", "500"} <= statuses
    for status in statuses:
        problem = operation["responses"][status]["content"]["application/problem+json"]["schema"]
        assert problem["allOf"][1]["properties"]["code"]["enum"]


def test_the_schema_is_whole_however_often_it_is_made():
    for _ in range(2):
        schema = SchemaGenerator().get_schema(request=None, public=True)
        names = re.findall(r"#/components/schemas/(\w+)", json.dumps(schema))
        assert names
        assert set(names) <= schema["components"]["schemas"].keys()


def test_the_schema_takes_what_the_api_takes():
    schema = SchemaGenerator().get_schema(request=None, public=True)
    signup = schema["components"]["schemas"]["Signup"]["properties"]["full_name"]
    assert (signup["type"], signup["nullable"], signup["maxLength"]) == ("string", True, 200)
    signout = schema["paths"]["/api/v1/auth/signout"]["post"]
    assert signout["security"] == [{"bearer": []}, {}]


def test_the_schema_is_served_without_trailing_slashes(client):
    answer = client.get("/api/v1/openapi.json")

    assert answer.status_code == 200
    assert set(answer.json()["paths"]) >= {
        "/api/health",
        "/api/v1/auth/signup",
        "/api/v1/auth/signin",
        "/api/v1/users/me",
    }
    assert answer.json()["components"]["securitySchemes"] == {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
