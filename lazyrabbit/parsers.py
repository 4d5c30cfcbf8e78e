"""Strict JSON in, plain JSON out (RFC 8259, read as narrowly as RFC 8785 asks of its input)."""

import json
import math
import re
from itertools import chain
from typing import IO, Any

from django.http import UnreadablePostError
from django.utils.http import parse_header_parameters
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

MAX_BYTES = 64 * 1024  # Of a body; a larger one is refused by a middleware before it is read.
MAX_DEPTH = 32
CONTAINERS = (dict, list)
UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # NUL, and halves of a character.


class StrictJSONParser(BaseParser):
    """Parse one JSON object in UTF-8.

    Refuses text that two parsers could read differently (duplicate keys, NaN, infinities, trailing
    text) or that a database cannot store (NUL, lone surrogates).
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Any = None,
    ) -> dict[str, Any]:
        # REST framework accepts "*/*" as any media type, so check again.
        name, parameters = parse_header_parameters(media_type or "")
        charset = parameters.get("charset", "utf-8").lower()
        if (name, charset) != (self.media_type, "utf-8"):
            raise UnsupportedMediaType("")
        try:
            body = stream.read()
        except UnreadablePostError as error:
            raise ParseError("The request body did not arrive.") from error
        value = load(body)
        if not isinstance(value, dict):
            raise ParseError("The request body must be a JSON object.")
        return value


def load(body: bytes) -> Any:
    """Parse JSON text. Raises ParseError."""
    try:  # A byte order mark is skipped (RFC 8259, section 8.1).
        value = json.loads(
            body.decode("utf-8-sig"), object_pairs_hook=unique_keys, parse_constant=refuse_constant
        )
    except UnicodeDecodeError as error:
        raise ParseError("The request body is not valid UTF-8.") from error
    except RecursionError as error:
        raise ParseError("The request body is nested too deeply.") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ParseError(f"The request body is not valid JSON ({place}).") from error
    except ValueError as error:  # A whole number of thousands of digits.
        raise ParseError("The request body holds a number that is too large.") from error
    refuse_unstorable(value, MAX_DEPTH)
    return value


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ParseError("The request body names a member twice.")
    return found


def refuse_constant(name: str) -> None:
    raise ParseError("The request body holds a number that is not finite.")


def refuse_unstorable(value: Any, levels: int) -> None:
    """Raise ParseError if a value cannot be stored, or is nested more than ``levels`` deep."""
    # All values of a level at once: one call for each took 17 ms for 64 KiB.
    values = [value]
    while values:
        if UNSTORABLE.search("".join(each for each in values if type(each) is str)):
            raise ParseError("The request body holds a character that is not allowed.")
        if not all(math.isfinite(each) for each in values if type(each) is float):
            raise ParseError("The request body holds a number that is not finite.")
        containers = [each for each in values if type(each) in CONTAINERS]
        if containers and levels == 0:
            raise ParseError("The request body is nested too deeply.")
        members = [each.values() for each in containers if type(each) is dict]
        values = [*chain.from_iterable(containers), *chain.from_iterable(members)]
        levels -= 1


class FirstRenderer(DefaultContentNegotiation):
    """Ignores ``Accept`` and ``?format=``: each view has one renderer (RFC 9110, 12.4.1)."""

    def select_renderer(
        self,
        request: Request,
        renderers: Any,
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type
