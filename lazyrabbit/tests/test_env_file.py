"""``.env`` is read by every entry point, wholly or not at all."""

import os
import secrets
import shutil
import subprocess
import sys

import pytest

from lazyrabbit.tests.conftest import KEPT, PRODUCTION, ROOT

pytestmark = pytest.mark.once

ENTRIES = {
    "manage.py": ["manage.py", "check"],
    "wsgi.py": ["-c", "import lazyrabbit.wsgi"],
    "gunicorn.py": ["-m", "gunicorn", "-c", "python:lazyrabbit.gunicorn", "--check-config"],
}
CLOSED = b'ENVIRONMENT=development\n\n# Comment.\n\n  SIGNUP_MODE="closed c4n4ry\nPORT=8001\n'
PRINT = (
    "import lazyrabbit.wsgi; from django.conf import settings;"
    "print(settings.SIGNUP_MODE, settings.METRICS_TOKEN, settings.PORT)"
)


@pytest.fixture
def run(tmp_path):
    """Run Python where the project is, but with a ``.env`` of its own."""
    shutil.copy(ROOT / "manage.py", tmp_path)
    for package in ("lazyrabbit", "accounts"):
        (tmp_path / package).symlink_to(ROOT / package)
    database = {"DATABASE_URL": f"sqlite:///{tmp_path}/app.db"}

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=kept | database | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (CLOSED, ", line 5: Expected NAME=VALUE, and quotes in pairs."),
        (b"SIGNUP_MODE closed\nPORT=8001", ", line 1: Expected"),
        (b"PORT=8001\r\nSIGNUP_MODE:c4n4ry\r\n", ", line 2: Expected"),
        (b'EMAIL_FROM="A, B" <a@b.c>\n\n\nKEY=\'c4n4ry', ", line 1, 4: Expected"),
        ("SIGNUP_MODE=closed\n".encode("utf-16"), " is not in UTF-8: save it in this encoding."),
        ("SIGNUP_MODE=closed\n".encode("utf-16-le"), " is not in UTF-8: save it"),
        ("EMAIL_FROM=Ñu <a@b.c>\n".encode("latin-1"), " is not in UTF-8: save it"),
    ],
)
def test_a_file_that_cannot_be_read_whole_stops_the_start_in_one_line(
    run, tmp_path, entry, content, said
):
    (tmp_path / ".env").write_bytes(content)

    stopped = run(*entry)

    assert stopped.returncode == 1
    assert stopped.stderr.startswith(f"{tmp_path}/.env{said}")
    assert len(stopped.stderr.splitlines()) == 1
    assert "c4n4ry" not in stopped.stderr + stopped.stdout


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())
def test_a_file_that_cannot_be_opened_stops_the_start_in_one_line(run, tmp_path, entry):
    (tmp_path / ".env").mkdir()  # A file without permissions would be open to root.

    stopped = run(*entry)

    assert stopped.returncode == 1
    assert stopped.stderr == f"{tmp_path}/.env cannot be read: Is a directory.\n"


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_file_in_utf_8_is_read_and_the_environment_comes_first(run, tmp_path, mark, newline):
    lines = [b"SIGNUP_MODE=closed", b"", b"export METRICS_TOKEN='x # y'  # Why.", b"PORT=8001", b""]
    (tmp_path / ".env").write_bytes(mark + newline.join(lines))

    printed = run("-c", PRINT, PORT="8002")

    assert printed.stdout == "closed x # y 8002\n", printed.stderr


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())
def test_without_a_file_everything_starts(run, entry):
    started = run(*entry)

    assert started.returncode == 0, started.stderr


def test_where_the_file_is_switched_off_it_does_not_even_have_to_be_readable(run, tmp_path):
    (tmp_path / ".env").write_bytes(CLOSED)

    printed = run("-c", PRINT, PYTHON_DOTENV_DISABLED="true")

    assert printed.stdout == "open  8000\n", printed.stderr


def test_without_its_packages_manage_py_says_what_to_do(run):
    stopped = run("-S", "manage.py", "check")

    assert (stopped.returncode, stopped.stderr) == (
        1,
        "Django is not installed here: run `pip install -r requirements.txt` first.\n",
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TRUSTED_PROXY", "TRUSTED_PROXIES"),
        ("EMAIL_VERIFICATON", "EMAIL_VERIFICATION"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("signup_mode", "SIGNUP_MODE"),
    ],
)
@pytest.mark.parametrize("is_in_file", [True, False])
def test_a_misspelt_name_is_reported_without_its_value(run, tmp_path, name, meant, is_in_file):
    (tmp_path / ".env").write_text(f"{name}=c4n4ry\n" if is_in_file else "")
    environment = {} if is_in_file else {name: "c4n4ry"}

    checked = run("manage.py", "check", **environment)

    assert checked.returncode == 0
    assert f"(lazyrabbit.W001) {name} is no setting: {meant} is.\n" in checked.stderr
    assert "c4n4ry" not in checked.stderr + checked.stdout


def test_a_name_in_the_file_that_is_no_setting_is_reported(run, tmp_path):
    (tmp_path / ".env").write_text(
        "PGPASSFILE=/x\nDJANGO_SUPERUSER_EMAIL=a@b.c\nSIGN_UP=closed\nPORT=8001\n"
    )

    checked = run("manage.py", "check", SOMETHING_ELSE="1")
    examined = run("manage.py", "doctor", "--no-color")

    assert checked.stderr.count("lazyrabbit.W001") == 1
    assert "SIGN_UP, which .env names, is no setting." in checked.stderr
    assert "WRONG lazyrabbit.W001: SIGN_UP, which .env names, is no setting." in examined.stdout


def test_the_server_reports_a_misspelt_name_too(start):
    process = start(TRUSTED_PROXY="127.0.0.1")
    printed = ""
    while "Booting worker" not in printed:
        line = process.stdout.readline()
        assert line, printed
        printed += line

    assert "TRUSTED_PROXY is no setting: TRUSTED_PROXIES is." in printed


def test_a_right_configuration_gets_no_warning(run):
    environment = {**PRODUCTION, "SECRET_KEY": secrets.token_urlsafe(64)}

    checked = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", **environment)

    assert (checked.returncode, checked.stderr) == (0, "")
