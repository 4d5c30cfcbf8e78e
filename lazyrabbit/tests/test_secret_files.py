"""Secrets from files: one rule for all of them."""

import os
import re
import subprocess
import sys

import pytest

from lazyrabbit.secret_files import SECRETS
from lazyrabbit.tests.conftest import KEPT, PRODUCTION, ROOT

pytestmark = pytest.mark.once

KEY, OLDER = "942df02fefdcda8ca90aec659175e197", "0c2ad1e4f98b73655d1f0e4b6a97c823"
VALUES = {
    "SECRET_KEY": KEY,
    "SECRET_KEY_FALLBACKS": f"{KEY}, {OLDER}",
    "JWT_SIGNING_KEY": OLDER,
    "METRICS_TOKEN": "a token of the metrics",
    "DATABASE_URL": "postgres://accounts:p%40ss@db.example.com/accounts",
    "EMAIL_URL": "smtps://user:p%40ss@mail.example.com",
}
READ = {
    "SECRET_KEY": "s.SECRET_KEY",
    "SECRET_KEY_FALLBACKS": "', '.join(s.SECRET_KEY_FALLBACKS)",
    "JWT_SIGNING_KEY": "s.SIMPLE_JWT['SIGNING_KEY']",
    "METRICS_TOKEN": "s.METRICS_TOKEN",
    "DATABASE_URL": "s.DATABASES['default']['PASSWORD']",
    "EMAIL_URL": "s.EMAIL_HOST_PASSWORD",
}


def load(expression: str = "''", **environment: str) -> subprocess.CompletedProcess[str]:
    """Import the settings in a process that has this environment, and print the expression."""
    return subprocess.run(
        [sys.executable, "-c", f"import lazyrabbit.settings as s, os; print({expression})"],
        cwd=ROOT,
        env={name: os.environ[name] for name in KEPT if name in os.environ} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def file(tmp_path):
    return tmp_path / "secret"


def test_each_secret_is_tried_here():
    assert VALUES.keys() == READ.keys() == SECRETS


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_is_read_from_its_file(file, name, end):
    file.write_bytes(f"{VALUES[name]}{end}".encode())
    others = {other: PRODUCTION[other] for other in PRODUCTION if other != name}

    loaded = load(f"{READ[name]}, {name!r} in os.environ", **others, **{f"{name}_FILE": str(file)})

    assert loaded.returncode == 0, loaded.stderr
    value = "p@ss" if name.endswith("_URL") else VALUES[name]
    assert loaded.stdout == f"{value} False\n"


def test_only_the_newline_at_the_end_is_no_part_of_the_secret(file):
    file.write_text(f" {KEY} \n")

    assert load("repr(s.SECRET_KEY)", SECRET_KEY_FILE=str(file)).stdout == f"' {KEY} '\n"


def test_an_empty_name_is_as_if_it_was_not_there(file):
    file.write_text(KEY)

    assert load("s.SECRET_KEY", SECRET_KEY="", SECRET_KEY_FILE=str(file)).stdout == f"{KEY}\n"
    assert load("s.SECRET_KEY", SECRET_KEY=KEY, SECRET_KEY_FILE="").stdout == f"{KEY}\n"


def assert_refused(loaded, *lines: str) -> None:
    assert loaded.returncode == 1
    heading, *told = loaded.stderr.splitlines()
    assert heading == "The settings cannot be used:"
    assert told == list(lines)
    assert "c4n4ry" not in loaded.stderr


@pytest.mark.parametrize("environment", [{}, PRODUCTION], ids=["development", "production"])
@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The file is empty."),
        (b" \n", "The file is empty."),
        (b"c4n4ry\nc4n4ry\n", "Expected one line in the file."),
        (b"c4n4ry\0", "Expected one line in the file."),
        (b"c4n4ry\xff", "The file is not in UTF-8."),
        (None, "The file cannot be read: No such file or directory."),
    ],
)
def test_a_file_without_one_secret_stops_the_start_in_one_line(
    file, environment, name, content, said
):
    if content is not None:
        file.write_bytes(content)
    others = {other: environment[other] for other in environment if other != name}

    assert_refused(load(**others, **{f"{name}_FILE": str(file)}), f"{name}_FILE: {said}")


@pytest.mark.parametrize("name", VALUES)
def test_a_setting_and_its_file_together_are_refused(file, name):
    file.write_text(VALUES[name])
    environment = {name: VALUES[name], f"{name}_FILE": str(file)}

    assert_refused(load(**environment), f"{name}_FILE: Expected either this or {name}, not both.")


def test_a_folder_or_a_secret_as_the_path_is_refused(tmp_path):
    folder, secret = load(SECRET_KEY_FILE=str(tmp_path)), load(EMAIL_URL_FILE="c4n4ry" * 100)

    assert_refused(folder, "SECRET_KEY_FILE: The file cannot be read: Is a directory.")
    assert_refused(secret, "EMAIL_URL_FILE: The file cannot be read: File name too long.")


def test_a_wrong_secret_is_reported_by_the_name_of_its_setting(file):
    file.write_text("c4n4ry")
    without = {name: PRODUCTION[name] for name in PRODUCTION if name != "SECRET_KEY"}

    loaded = load(**without, SECRET_KEY_FILE=str(file), DATABASE_URL_FILE=str(file))

    assert [line.partition(": Expected ")[0] for line in loaded.stderr.splitlines()[1:]] == [
        "SECRET_KEY_FILE",
        "DATABASE_URL_FILE",
    ]
    assert "c4n4ry" not in loaded.stderr


def test_only_secrets_are_read_from_files(file):
    file.write_text("8001")

    assert load("s.PORT", PORT_FILE=str(file)).stdout == "8000\n"


def test_no_name_of_a_file_is_taken_for_a_mistake():
    names = {f"{name}_FILE": "" for name in SECRETS}

    told = subprocess.run(
        [sys.executable, "-c", "import lazyrabbit.options as o; print(o.misspelt())"],
        cwd=ROOT,
        env={**names, "SECRET_KEY_FIEL": "x"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == "['SECRET_KEY_FIEL is no setting: SECRET_KEY_FILE is.']\n"


def test_the_readme_names_every_secret():
    (sentence,) = re.findall(
        r"Each of (.*?) may also be read from a", (ROOT / "README.md").read_text(), re.S
    )

    assert set(re.findall(r"`(\w+)`", sentence)) == SECRETS
