"""The OpenAPI schema: every operation with every status and code of its responses."""

from collections import defaultdict
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular import openapi
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.plumbing import (
    ResolvedComponent,
    build_media_type_object,
    force_instance,
    is_list_serializer,
    is_serializer,
)
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_standardized_errors.openapi_utils import get_serializer_field_error_codes
from drf_standardized_errors.types import Error

from lazyrabbit import problems

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
}
# The headers of responses; HEADER_OF names those of one status only.
HEADERS = {
    "X-Request-ID": ("The id of this request: quote it when you report a fault.", STRING),
    "WWW-Authenticate": ("How to authenticate (RFC 9110, section 11.6.1).", STRING),
    "Allow": ("The methods that are allowed here.", STRING),
    "Retry-After": ("In how many seconds to try again.", {"type": "integer", "minimum": 0}),
}
HEADER_OF = {401: "WWW-Authenticate", 405: "Allow", 429: "Retry-After", 503: "Retry-After"}
# Every operation can meet a wrong host, method or body, and a fault of the service.
ANYWHERE = [
    (400, "bad_request", "The request is malformed."),
    (403, "https_required", "Use https, not http."),
    (405, "method_not_allowed", "This method is not allowed here."),
    (411, "length_required", "Send a Content-Length header."),
    (413, "body_too_large", "The request body is too large."),
    (414, "bad_request", "The request is malformed or too large."),
    (431, "bad_request", "The request is malformed or too large."),
    (500, "error", "Something went wrong on our side."),
    (503, problems.Unavailable.default_code, problems.Unavailable.default_detail),
]
BODY_ERRORS = (
    (400, "parse_error", "The request body is not valid JSON (line 1, column 2)."),
    (415, "unsupported_media_type", problems.UNSUPPORTED),
)
WITH_BODY = ("POST", "PUT", "PATCH")


def without_trailing_slash(endpoints: list[tuple[str, str, str, Any]]) -> list[Any]:
    """Document each path once, without its slash; both forms work."""
    return [(path.rstrip("/"), *rest) for path, *rest in endpoints]


class AutoSchema(openapi.AutoSchema):
    """Adds every error: those of the request serializer's fields, and those in ``x-errors``."""

    def get_operation_id(self) -> str:
        return str(super().get_operation_id()).removesuffix("_create")

    def get_operation(self, *args: Any) -> dict[str, Any] | None:
        """Give an operation that needs no token an empty ``security``, which says so."""
        operation: dict[str, Any] | None = super().get_operation(*args)
        if operation and operation.get("security", [{}]) == [{}]:
            operation["security"] = []
        if operation:  # The responses contain the errors by now.
            operation.pop("x-errors", None)
            operation.pop("x-error-attrs", None)
        return operation

    def get_request_serializer(self) -> Any:
        """Return the view's serializer only where the method implies a body.

        A view whose DELETE takes one names it in ``extend_schema``.
        """
        return super().get_request_serializer() if self.method in WITH_BODY else None

    def _is_list_view(self, serializer: Any = None) -> bool:
        """Return whether the response serializer has ``many=True``, whatever the action's name."""
        answers = self.get_response_serializers() if serializer is None else serializer
        first = next(iter(answers.values())) if isinstance(answers, dict) else answers
        return bool(is_list_serializer(first))

    def _get_serializer_field_meta(self, field: Any, direction: Any) -> dict[str, Any]:
        """Add a field's ``described``: lengths and formats that drf-spectacular cannot know."""
        meta: dict[str, Any] = super()._get_serializer_field_meta(field, direction)
        return {**meta, **getattr(field, "described", {})}

    def _get_request_for_media_type(self, serializer: Any, direction: Any = "request") -> Any:
        """Require the body also if it needs one of two members, and neither by itself."""
        schema, is_required = super()._get_request_for_media_type(serializer, direction)
        return schema, is_required or "oneOf" in getattr(serializer, "described", {})

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:
        """Add the serializer's ``described``: rules about several members together."""
        schema = super()._map_basic_serializer(serializer, direction)
        return {**schema, **getattr(serializer, "described", {})}

    def get_summary(self) -> str | None:
        """Return the first line of the docstring; the rest is the description."""
        return super().get_description().partition("\n")[0].rstrip(".") or None

    def get_description(self) -> str:  # type: ignore[override]
        description: str = super().get_description()
        return description.partition("\n")[2].strip()

    def _get_request_body(self, direction: str = "request") -> Any:
        """Describe the body of a DELETE as well, which drf-spectacular leaves out."""
        serializer = self.get_request_serializer()
        if self.method != "DELETE" or serializer is None:
            return super()._get_request_body(direction)
        schema, is_required = self._get_request_for_media_type(serializer, direction)
        content = {
            media_type: build_media_type_object(
                schema, self._get_examples(serializer, direction, media_type)
            )
            for media_type in self.map_parsers()
        }
        return {"content": content, **({"required": True} if is_required else {})}

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        examples: dict[int, dict[str, Any]] = defaultdict(dict)
        for example in self._examples():
            examples[example["status"]].setdefault(example["code"], {"value": example})
        answers = {str(status): self._problem(status, examples[status]) for status in examples}
        answers = {**super()._get_response_bodies(direction), **dict(sorted(answers.items()))}
        return {
            status: {**answer, "headers": self._headers(int(status))}
            for status, answer in answers.items()
        }

    def _headers(self, status: int) -> dict[str, Any]:
        """Describe the headers of every response with this status."""
        names = ["X-Request-ID", *([HEADER_OF[status]] if status in HEADER_OF else [])]
        return {name: self._header(name) for name in names}

    def _header(self, name: str) -> dict[str, str]:
        description, schema = HEADERS[name]
        return self._component(
            ResolvedComponent.HEADER,
            name,
            {"description": description, "required": True, "schema": schema},
        )

    def _component(self, kind: str, name: str, schema: dict[str, Any]) -> dict[str, str]:
        """Register a component, once for all operations, and return the reference to it."""
        component = ResolvedComponent(name, kind, deepcopy(schema), object=name)
        self.registry.register_on_missing(component)
        reference: dict[str, str] = component.ref
        return reference

    def _examples(self) -> Iterator[dict[str, Any]]:
        """Yield an example of every error."""
        body = self.get_request_serializer()
        for serializer in filter(is_serializer, [body, *self.get_override_parameters()]):
            for name, field in force_instance(serializer).fields.items():
                for code in sorted(get_serializer_field_error_codes(field, name)):
                    yield example(400, code, sentence(field, code), name)
        extensions = self.get_extensions()
        attrs = extensions.get("x-error-attrs", {})
        for error in (*extensions.get("x-errors", ()), *getattr(self.view, "errors", ())):
            attr = getattr(error, "attr", None)
            sentences = getattr(error, "sentences", {error.default_code: error.default_detail})
            for code, detail in sentences.items():
                yield example(error.status_code, code, str(detail), attrs.get(attr, attr))
        for status, code, detail in (*ANYWHERE, *(BODY_ERRORS if body else ())):
            yield example(status, code, detail)

    def _problem(self, status: int, examples: dict[str, Any]) -> dict[str, Any]:
        """Describe the problems of one status: their codes, and an example of each."""
        reference = self._component(ResolvedComponent.SCHEMA, "Problem", PROBLEM)
        code = {"type": "string", "enum": sorted(examples)}
        schema = {"allOf": [reference, {"properties": {"code": code}}]}
        return {
            "description": HTTPStatus(status).phrase,
            "content": {problems.CONTENT_TYPE: {"schema": schema, "examples": examples}},
        }


def example(status: int, code: str, detail: str, attr: str | None = None) -> dict[str, Any]:
    kind = "validation_error" if attr else "client_error" if status < 500 else "server_error"
    errors = (Error(code, detail, attr),) if attr else ()
    body = problems.problem(None, status, code, detail, kind, errors)
    return {**body, "request_id": "6f3c1c5e9d7a4c0b8f2e1d3a5b7c9e0f"}


def sentence(field: Any, code: str) -> str:
    """Return the field's message for this code."""
    message = str(field.error_messages.get(code, "Enter a valid value."))
    numbers = {
        name: getattr(field, name, None) for name in ("max_length", "min_value", "max_value")
    }
    return message.format(label=field.label, **numbers)


@cache
def rendered() -> bytes:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    return bytes(OpenApiJsonRenderer().render(schema))


@require_safe
def view(request: HttpRequest) -> HttpResponse:
    """Return the schema, which is rendered once: it never changes while the process runs."""
    return HttpResponse(rendered(), content_type=OpenApiJsonRenderer.media_type)
