"""The OpenAPI schema, and the check of responses against it."""

import json
import re

import pytest
from drf_spectacular.generators import SchemaGenerator

from accounts.tests import contract

OPERATIONS = [
    pytest.param(operation, id=f"{method} {path}")
    for path, methods in contract.schema()["paths"].items()
    for method, operation in methods.items()
]
# The headers of only some statuses; every response has an X-Request-ID.
HEADERS = {
    "401": "WWW-Authenticate",
    "405": "Allow",
    "429": "Retry-After",
    "503": "Retry-After",
}
OPEN = {
    "/api/health",
    "/api/v1/auth/forgot-password",
    "/api/v1/auth/refresh",
    "/api/v1/auth/resend-verification",
    "/api/v1/auth/reset-password",
    "/api/v1/auth/signup",
    "/api/v1/auth/undo-email-change",
}
OPEN_TO_ALL = {
    "/api/v1/auth/confirm-email-change",
    "/api/v1/auth/signin",
    "/api/v1/auth/signout",
    "/api/v1/auth/verify-email",
}
ME = "/api/v1/users/me"
USER = {
    "id": 1,
    "email": "ana@example.com",
    "full_name": None,
    "is_active": True,
    "email_verified": False,
    "created_at": "2026-01-02T03:04:05.678901Z",
    "updated_at": "2026-01-02T03:04:05.678901Z",
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_has_a_summary(operation):
    assert operation["summary"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_shows_an_example_of_what_it_takes_and_answers(operation):
    answers = [answer for status, answer in operation["responses"].items() if status < "300"]
    for body in (operation.get("requestBody", {}), *answers):
        for content in body.get("content", {}).values():
            assert content["examples"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_example_is_as_the_schema_says(operation):
    for body in (operation.get("requestBody", {}), *operation["responses"].values()):
        for content in body.get("content", {}).values():
            for example in content["examples"].values():
                assert contract.faults(content["schema"], example["value"]) == []


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_has_only_members_of_openapi(operation):
    assert not [name for name in operation if name.startswith("x-")]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_names_the_headers_of_each_answer(operation):
    for status, answer in operation["responses"].items():
        assert set(answer["headers"]) == {"X-Request-ID"} | ({HEADERS.get(status)} - {None})
    assert all(header["required"] for header in contract.schema()["components"]["headers"].values())


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


def test_the_schema_accepts_what_the_api_accepts():
    schema = SchemaGenerator().get_schema(request=None, public=True)
    signup = schema["components"]["schemas"]["Signup"]["properties"]
    assert (signup["full_name"]["type"], signup["full_name"]["maxLength"]) == (
        ["string", "null"],
        200,
    )
    assert (signup["password"]["minLength"], signup["password"]["maxLength"]) == (8, 128)
    assert (signup["email"]["format"], signup["email"]["maxLength"]) == ("email", 254)
    signin = schema["components"]["schemas"]["Signin"]["properties"]
    assert "format" not in signin["email"]
    assert (signin["password"]["minLength"], signin["email"]["minLength"]) == (1, 1)
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


def test_an_operation_says_who_may_call_it():
    for path, operations in contract.schema()["paths"].items():
        for operation in operations.values():
            expected = [] if path in OPEN else [{"bearer": []}]
            expected += [{}] if path in OPEN_TO_ALL else []
            assert operation["security"] == expected, path


def test_the_schema_says_where_the_service_is_and_what_its_license_is():
    schema = contract.schema()

    assert schema["openapi"].startswith("3.1.")
    assert [server["url"] for server in schema["servers"]] == ["/"]
    assert schema["info"]["license"] == {"name": "MIT", "identifier": "MIT"}


def test_a_list_is_what_is_answered_with_a_list():
    arrays = {
        path
        for path, operations in contract.schema()["paths"].items()
        for operation in operations.values()
        for answer in operation["responses"].values()
        for content in answer.get("content", {}).values()
        if content["schema"].get("type") == "array"
    }
    assert arrays == {f"{ME}/sessions"}
    events = contract.schema()["paths"][f"{ME}/events"]["get"]
    content = events["responses"]["200"]["content"]["application/json"]
    assert content["schema"] == {"$ref": "#/components/schemas/Events"}
    assert events["operationId"] == "users_me_events_retrieve"


def check(status=200, body=USER, path=ME, **headers: str) -> None:
    """Check the response to a GET against the schema; by default a correct one."""
    headers = {"X-Request-ID": "a" * 32, "Content-Type": "application/json", **headers}
    contract.assert_documented("GET", path, status, headers, json.dumps(body).encode())


def test_a_good_answer_passes():
    check()
    check(path=f"{ME}/")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("id", "1"),
        ("id", None),
        ("email", "no address"),
        ("full_name", 1),
        ("is_active", "true"),
        ("created_at", "yesterday"),
        ("is_staff", False),
    ],
)
def test_a_member_that_is_wrong_or_not_in_the_schema_is_noticed(member, value):
    with pytest.raises(AssertionError):
        check(body={**USER, member: value})


@pytest.mark.parametrize("member", USER)
def test_a_member_that_is_missing_is_noticed(member):
    with pytest.raises(AssertionError):
        check(body={name: USER[name] for name in USER if name != member})


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 418},
        {"status": 503},
        {"status": 204},
        {"body": [USER]},
        {"path": f"{ME}/events"},
        {"path": f"{ME}/sessions"},
        {"Content-Type": "text/html"},
    ],
)
def test_an_answer_of_another_kind_is_noticed(answer):
    with pytest.raises(AssertionError):
        check(**answer)


def problem(**members: object) -> dict[str, object]:
    problem = {"type": "client_error", "title": "Too Many Requests", "status": 429, "errors": []}
    problem |= {"detail": "Too many attempts, try again later.", "code": "too_many_attempts"}
    return {**problem, "request_id": "a" * 32, **members}


def check_problem(body: dict[str, object], **headers: str) -> None:
    headers |= {"X-Request-ID": "a" * 32, "Content-Type": "application/problem+json"}
    contract.assert_documented("PATCH", ME, 429, headers, json.dumps(body).encode())


def test_a_problem_without_its_header_or_with_a_wrong_one_is_noticed():
    check_problem(problem(), **{"Retry-After": "5"})
    for headers in ({}, {"Retry-After": "soon"}, {"Retry-After": "-1"}):
        with pytest.raises(AssertionError):
            check_problem(problem(), **headers)


@pytest.mark.parametrize(
    "members",
    [
        {"code": "canary"},
        {"type": "canary"},
        {"hint": "canary"},
        {"errors": [{"attr": "password", "code": "canary", "detail": "."}]},
        {"errors": [{"attr": "password", "code": "too_many_attempts"}]},
    ],
)
def test_a_problem_that_is_not_in_the_schema_is_noticed(members):
    with pytest.raises(AssertionError):
        check_problem(problem(**members), **{"Retry-After": "5"})


def test_an_unexpected_body_is_noticed():
    path, headers = f"{ME}/sessions/1", {"X-Request-ID": "a" * 32}
    contract.assert_documented("DELETE", path, 204, headers, b"")
    with pytest.raises(AssertionError):
        contract.assert_documented("DELETE", path, 204, headers, b"{}")
