"""Documents, comments, docstrings and names avoid the words that docs/style.md forbids."""

import io
import re
import tokenize
from collections.abc import Iterator

import pytest

from lazyrabbit.tests.conftest import ROOT

pytestmark = pytest.mark.once

PLACES = (
    "*.md",
    "docs/*.md",
    ".ci/run",
    ".env.example",
    "Makefile",
    "*.toml",
    "*.txt",
    "*.ini",
    "deploy/**/*",
    "tests/**/*.py",
    "accounts/**/*.py",
    "lazyrabbit/**/*.py",
    "bench/*.py",
    "bench/tests/*.py",
)
WORDS = re.compile(
    r"\b(?:(?:no|some|any)body'?s?|who(?:ever|mever|sever)|of whom|belongs? into|the own"
    r"|he|him|himself|his|she|her|herself|^test (?:who|what|whatever))\b",
    re.IGNORECASE,
)
NO_STATEMENT = {tokenize.NL, tokenize.COMMENT}
BEFORE_A_STATEMENT = {tokenize.ENCODING, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}


def python(text: str) -> Iterator[tuple[int, str]]:
    """Yield the names, comments and docstrings; other strings may be part of the wire."""
    last = tokenize.ENCODING
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME:
            yield token.start[0], token.string.replace("_", " ")
        elif token.type == tokenize.COMMENT or (
            token.type == tokenize.STRING and last in BEFORE_A_STATEMENT
        ):
            yield from enumerate(token.string.splitlines(), token.start[0])
        if token.type not in NO_STATEMENT:
            last = token.type


def markdown(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines without their code."""
    code = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
    prose = code.sub(lambda match: "\n" * match[0].count("\n"), text)
    yield from enumerate(prose.splitlines(), 1)


def configuration(text: str) -> Iterator[tuple[int, str]]:
    """Yield the comments: `#` of most files, `;` of an ini file, `--` of SQL."""
    for number, line in enumerate(text.splitlines(), 1):
        if comment := re.search(r"(?:^|\s)(?:#+|;|--) (.*)", line):
            yield number, comment[1]


def found(name: str, text: str) -> list[str]:
    """Return each forbidden word as ``file:line: word``."""
    read = {".py": python, ".md": markdown}.get(name[-3:], configuration)
    return [
        f"{name}:{number}: {word}" for number, line in read(text) for word in WORDS.findall(line)
    ]


def test_documents_comments_and_names_are_in_plain_english():
    files = {file for place in PLACES for file in ROOT.glob(place) if file.is_file()}
    texts = {file: file.read_bytes().decode(errors="ignore") for file in files}

    assert len(files) > 100
    assert [
        word
        for file in sorted(files)
        if "__pycache__" not in file.parts
        for word in found(str(file.relative_to(ROOT)), texts[file])
    ] == []


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.py", '"""Tell\nnobody."""\nsay("anybody")', ["a.py:2: nobody"]),
        ("a.py", "def test_who_asks(): ...  # His.", ["a.py:1: test who", "a.py:1: His"]),
        ("a.py", "the_own_account = nobodys(whose)", ["a.py:1: the own", "a.py:1: nobodys"]),
        ("a.md", "```sh\nsomebody\n```\nOf whom `he`.", ["a.md:4: Of whom"]),
        ("a.sql", "SELECT 'he';  -- Whoever asks.", ["a.sql:1: Whoever"]),
    ],
)
def test_forbidden_words_are_found_in_prose_and_names(name, text, words):
    assert found(name, text) == words
