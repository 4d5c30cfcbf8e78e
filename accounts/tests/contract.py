"""Check responses against the OpenAPI schema."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from jsonschema_rs import Draft202012Validator

PROBLEM = "application/problem+json"


@cache
def schema() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)


@cache
def paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Return the operations of each path, with and without a trailing slash."""
    return [
        (re.compile(re.sub(r"{\w+}", "[^/]+", path) + "/?"), operations)
        for path, operations in schema()["paths"].items()
    ]


def operation_at(method: str, path: str) -> dict[str, Any] | None:
    for pattern, operations in paths():
        if pattern.fullmatch(path):
            return operations.get(method.lower())
    return None


def strict(value: Any) -> Any:
    """Return the schema with every object closed, so that it allows no additional members."""
    # The published schema leaves them open: a later version may add a member.
    if isinstance(value, list):
        return [strict(one) for one in value]
    if not isinstance(value, dict):
        return value
    closed = {"additionalProperties": False} if value.get("type") == "object" else {}
    return {**closed, **{name: strict(one) for name, one in value.items()}}


@cache
def validator(schema_as_json: str) -> Draft202012Validator:
    """Return a validator of a body or a header that also checks formats."""
    components = strict({"schemas": schema()["components"]["schemas"]})
    described = strict(json.loads(schema_as_json))
    return Draft202012Validator({**described, "components": components}, validate_formats=True)


def faults(described: dict[str, Any], value: Any) -> list[str]:
    """Return each difference between the value and its description, with its path."""
    errors = validator(json.dumps(described)).iter_errors(value)
    return [f"{list(error.instance_path)}: {error.message}" for error in errors]


def missing_or_wrong(headers: Mapping[str, str], described: dict[str, Any]) -> Iterable[str]:
    for name, reference in described.items():
        header = schema()["components"]["headers"][reference["$ref"].rpartition("/")[2]]
        value: Any = headers.get(name)
        if value is None:
            yield f"no {name}"
        elif header["schema"]["type"] == "integer":
            value = int(value) if value.isdigit() else value
        if value is not None and faults(header["schema"], value):
            yield f"a wrong {name}"


def assert_documented(
    method: str, path: str, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    """Assert that the schema documents status, headers, type, body, and the codes of a problem."""
    operation = operation_at(method, path)
    if operation is None:
        return
    answers = operation["responses"]
    told = f"{method} {path}: {status}"
    assert str(status) in answers, f"{told} is not documented"
    answer = answers[str(status)]
    wrong = list(missing_or_wrong(headers, answer["headers"]))
    assert not wrong, f"{told} has {wrong}"
    if "content" not in answer:
        assert not body, f"{told} has a body"
        return
    media_type = headers["Content-Type"].partition(";")[0]
    assert media_type in answer["content"], f"{told} is {media_type}"
    described = answer["content"][media_type]["schema"]
    wrong = faults(described, json.loads(body))
    assert not wrong, f"{told} has {wrong}"
    if media_type == PROBLEM:
        codes = described["allOf"][1]["properties"]["code"]["enum"]
        named = {error["code"] for error in json.loads(body)["errors"]}
        assert named <= set(codes), f"{told} has an undocumented code"
