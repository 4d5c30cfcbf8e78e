"""``.env`` beside ``manage.py``; only the entry points read it."""

import os
import sys
from io import StringIO
from pathlib import Path

from dotenv import load_dotenv
from dotenv.parser import Binding, parse_stream

FILE = Path(__file__).parent.parent / ".env"
names: set[str] = set()  # The variables of the file, after load().


def load() -> None:
    """Set variables that the environment lacks; exit if a line of the file cannot be read."""
    if os.environ.get("PYTHON_DOTENV_DISABLED", "").casefold() in {"1", "true", "t", "yes", "y"}:
        return
    text = read()
    bindings = list(parse_stream(StringIO(text)))
    # python-dotenv skips lines that it cannot parse and names without a value, so that a default
    # would apply.
    if lines := [line(b) for b in bindings if b.error or (b.key and b.value is None)]:
        sys.exit(f"{FILE}, line {', '.join(lines)}: Expected NAME=VALUE, and quotes in pairs.")
    names.update(binding.key for binding in bindings if binding.key)
    load_dotenv(stream=StringIO(text))


def read() -> str:
    try:
        text = FILE.read_text("utf-8-sig")
    except FileNotFoundError:
        return ""
    except OSError as error:
        sys.exit(f"{FILE} cannot be read: {error.strerror}.")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # So is UTF-16 without a byte order mark.
        sys.exit(f"{FILE} is not in UTF-8: save it in this encoding.")
    return text


def line(binding: Binding) -> str:
    """Return the number of the line; python-dotenv counts from the empty lines before it."""
    text = binding.original.string
    return str(binding.original.line + text.removesuffix(text.lstrip()).count("\n"))
