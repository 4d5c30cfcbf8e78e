"""The OpenAPI schema: every operation with every status and code that it can answer with."""

from collections import defaultdict
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from drf_spectacular import openapi
from drf_spectacular.plumbing import ResolvedComponent
from drf_standardized_errors.openapi_utils import (
    get_flat_serializer_fields,
    get_serializer_fields_with_error_codes,
)
from rest_framework import exceptions

from lazyrabbit import problems
from lazyrabbit.parsers import BodyTooLarge

STRING = {"type": "string"}
PROBLEM = {
    "type": "object",
    "description": "Problem details (RFC 9457): `detail` is for people, `code` for programs.",
    "properties": {
        "type": {**STRING, "enum": ["validation_error", "client_error", "server_error"]},
        "title": STRING,
        "status": {"type": "integer"},
        "detail": STRING,
        "code": STRING,
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"attr": STRING, "code": STRING, "detail": STRING},
                "required": ["attr", "code", "detail"],
            },
        },
        "request_id": STRING,
    },
    "required": ["type", "title", "status", "detail", "code", "errors", "request_id"],
    "example": {
        "type": "validation_error",
        "title": "Bad Request",
        "status": 400,
        "detail": "Enter a valid email address.",
        "code": "invalid",
        "errors": [{"attr": "email", "code": "invalid", "detail": "Enter a valid email address."}],
        "request_id": "6f3c1c5e9d7a4c0b8f2e1d3a5b7c9e0f",
    },
}
# Whatever the operation, its host, its path and its body can be wrong, and so can we.
ANYWHERE = {(400, "bad_request"), (405, "method_not_allowed"), (500, "error")}
BODY_ERRORS = (exceptions.ParseError, exceptions.UnsupportedMediaType, BodyTooLarge)
# REST framework's fields name these; our parser has refused such a body before.
UNREACHABLE = {"null_characters_not_allowed", "surrogate_characters_not_allowed"}


def without_trailing_slash(endpoints: list[tuple[str, str, str, Any]]) -> list[Any]:
    """Document the one spelling of each path; the other works too."""
    return [(path.rstrip("/"), *rest) for path, *rest in endpoints]


class AutoSchema(openapi.AutoSchema):
    """Reads an operation's errors from its view: what ``accounts.viewsets.operation`` says."""

    def get_operation_id(self) -> str:
        return str(super().get_operation_id()).removesuffix("_create")

    def get_summary(self) -> str | None:
        """Return the first line of the docstring; the rest is the description."""
        return super().get_description().partition("\n")[0].rstrip(".") or None

    def get_description(self) -> str:  # type: ignore[override]
        description: str = super().get_description()
        return description.partition("\n")[2].strip()

    def _get_request_body(self, direction: str = "request") -> Any:
        """Describe the body of a DELETE as well: it may confirm the act with a password."""
        if self.method != "DELETE" or not self._takes():
            return super()._get_request_body(direction)
        self.method = "POST"
        try:
            return super()._get_request_body(direction)
        finally:
            self.method = "DELETE"

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        codes = defaultdict(set)
        for status, code in self._errors():
            codes[status].add(code)
        answers = {str(status): self._problem(status, codes[status]) for status in sorted(codes)}
        return {**super()._get_response_bodies(direction), **answers}

    def _takes(self) -> Any:
        return getattr(self._method(), "takes", None)

    def _method(self) -> Any:
        return getattr(self.view, getattr(self.view, "action", None) or self.method.lower(), None)

    def _errors(self) -> Iterator[tuple[int, str]]:
        """Yield the status and the code of everything that can go wrong."""
        yield from ANYWHERE
        for error in getattr(self._method(), "errors", ()):
            for code in getattr(error, "codes", (error.default_code,)):
                yield error.status_code, code
        if self.view.get_authenticators():
            yield 401, "not_authenticated"
            yield 401, "token_not_valid"
        if takes := self._takes():
            yield 411, "length_required"
            for error in BODY_ERRORS:
                yield error.status_code, error.default_code
            for field in get_serializer_fields_with_error_codes(get_flat_serializer_fields(takes)):
                for code in field.error_codes - UNREACHABLE:
                    yield 400, code

    def _problem(self, status: int, codes: set[str]) -> dict[str, Any]:
        component = ResolvedComponent(
            name="Problem", type=ResolvedComponent.SCHEMA, object="Problem", schema=PROBLEM
        )
        self.registry.register_on_missing(component)
        code = {"type": "string", "enum": sorted(codes)}
        schema = {"allOf": [component.ref, {"properties": {"code": code}}]}
        return {
            "description": HTTPStatus(status).phrase,
            "content": {problems.CONTENT_TYPE: {"schema": schema}},
        }
