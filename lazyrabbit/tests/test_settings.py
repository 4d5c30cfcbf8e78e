"""The settings: read once, strictly, and documented alike in three places."""

import os
import re
import subprocess
import sys

import pytest

from lazyrabbit.tests.conftest import KEPT, PRODUCTION, ROOT

pytestmark = pytest.mark.once

NAMES = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', (ROOT / "lazyrabbit/options.py").read_text()))

KEY = "Jp3vYx0cTq8LwZ5nRk2uHs7dGb4mAf9eCi6oWy1xVt"

PRINT = """
import lazyrabbit.settings as s
print(s.ALLOWED_HOSTS, s.DEBUG, s.HASHING_THREADS, s.THREADS, s.READING_THREADS)
"""


def load(**environment: str) -> subprocess.CompletedProcess[str]:
    """Import the settings in a process that has this environment and no other."""
    return subprocess.run(
        [sys.executable, "-c", PRINT],
        cwd=ROOT,
        env={name: os.environ[name] for name in KEPT if name in os.environ} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_empty_environment_is_enough():
    loaded = load()

    assert loaded.returncode == 0, loaded.stderr
    assert "localhost" in loaded.stdout
    assert "False" in loaded.stdout


def test_in_production_two_sign_ins_hash_at_once_and_a_quarter_of_the_threads_stays_free():
    hashing, threads, reading = map(int, load(**PRODUCTION).stdout.split()[-3:])

    assert hashing == 2
    assert reading == threads // 4


def test_the_readme_the_example_and_the_settings_name_the_same_variables():
    example = (ROOT / ".env.example").read_text()
    readme = (ROOT / "README.md").read_text()

    assert set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE)) == NAMES
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", readme, re.MULTILINE)) == NAMES


def test_the_example_names_the_defaults():
    """Every commented line can be uncommented as it stands."""
    example = (ROOT / ".env.example").read_text()
    values = dict(re.findall(r"^#([A-Z_]+)=(.*)$", example, re.MULTILINE))
    unset = {name: value for name, value in values.items() if value}

    loaded = load(**unset)

    assert loaded.returncode == 0, loaded.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "soon"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "0"),
        ("ALGORITHM", "none"),
        ("BACKEND_CORS_ORIGINS", "http://localhost:5173"),
        ("BACKEND_CORS_ORIGINS", '["*"]'),
        ("BACKEND_CORS_ORIGINS", '["https://example.com/path"]'),
        ("BACKEND_CORS_ORIGINS", "{}"),
        ("BREACHED_PASSWORDS", "/none/c4n4ry"),
        ("BREACHED_PASSWORDS", "accounts"),
        ("BREACHED_PASSWORDS", "LICENSE"),
        ("BREACHED_PASSWORDS", "/dev/null"),
        ("DATABASE_URL", "mysql://localhost/accounts"),
        ("DATABASE_URL", "postgres://user:c4n4ry@localhost:port/accounts"),
        ("DATABASE_URL", "postgres://user:p@c4n4ry#x@localhost/accounts"),
        ("DATABASE_URL", "postgres://localhost/accounts?schema=c4n4ry"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DEBUG", "perhaps"),
        ("EMAIL_FROM", ""),
        ("EMAIL_FROM", "nonsense"),
        ("EMAIL_FROM", "Acme: Accounts <c4n4ry@example.com>"),
        ("EMAIL_URL", "mail.example.com"),
        ("EMAIL_URL", "smtp://user:c4n4ry@host:port"),
        ("EMAIL_URL", "smtp://"),
        ("EMAIL_URL", "file:relative"),
        ("EMAIL_URL", "imap://user:c4n4ry@host"),
        ("EMAIL_VERIFICATION", "sometimes"),
        ("ENVIRONMENT", "staging"),
        ("FRONTEND_URL", "app.example.com"),
        ("FRONTEND_URL", "https://app.example.com/?q=1"),
        ("FRONTEND_URL", "javascript:alert(1)"),
        ("PORT", "99999"),
        ("REFRESH_GRACE_SECONDS", "-1"),
        ("SITE_NAME", " "),
        ("SITE_NAME", "Lazy\nRabbit"),
        ("SITE_NAME", "c4n4ry" * 11),
        ("TRUSTED_PROXIES", "10.0.0.0/8,proxy.example"),
    ],
)
def test_a_value_that_cannot_be_read_stops_the_start_in_one_line(name, value):
    loaded = load(**{name: value})

    assert loaded.returncode == 1
    heading, line = loaded.stderr.strip().splitlines()
    assert heading == "The settings cannot be used:"
    assert line.startswith(f"{name}: ")
    assert name != "BACKEND_CORS_ORIGINS" or "Expected a JSON array of origins" in line
    assert "c4n4ry" not in loaded.stderr


def test_all_mistakes_are_reported_at_once():
    loaded = load(PORT="x", DEBUG="x", ALGORITHM="x")

    told = loaded.stderr.strip().splitlines()[1:]
    assert sorted(line.partition(":")[0] for line in told) == ["ALGORITHM", "DEBUG", "PORT"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "k" * 31),
        ("SECRET_KEY", "k" * 64),
        ("SECRET_KEY", "changeme" * 8),
        ("SECRET_KEY_FALLBACKS", KEY[:31]),
        ("SECRET_KEY_FALLBACKS", f"{KEY}, {'o' * 32}"),
        ("JWT_SIGNING_KEY", KEY[:31]),
        ("JWT_SIGNING_KEY", "0123456789abcdef" * 4),
        ("FRONTEND_URL", "http://app.example.com"),
        ("FRONTEND_URL", "http://10.0.0.7:3000/x"),
        ("BACKEND_CORS_ORIGINS", '["https://a.example.com", "http://b.example.com"]'),
        ("BACKEND_CORS_ORIGINS", '["http://localhost.example.com"]'),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, ::/0"),
        ("TRUSTED_PROXIES", "0.0.0.0/1, 128.0.0.0/1"),
        ("TRUSTED_PROXIES", "2000::/3"),
        ("DEBUG", "true"),
        ("ALLOWED_HOSTS", ""),
        ("ALLOWED_HOSTS", "*"),
        ("ALLOWED_HOSTS", "accounts.example.com, *"),
        ("EMAIL_FROM", "accounts@localhost"),
        ("EMAIL_FROM", "Lazy Rabbit <accounts@localhost>"),
        ("EMAIL_FROM", "root@mail.localhost"),
        ("EMAIL_URL", "console:"),
        ("EMAIL_URL", ""),
        ("THROTTLING", "false"),
    ],
)
def test_production_refuses_what_is_only_good_for_a_laptop(name, value):
    assert load(**PRODUCTION).returncode == 0
    loaded = load(**{**PRODUCTION, name: value})

    assert loaded.returncode == 1
    heading, line = loaded.stderr.splitlines()
    assert heading == "The settings cannot be used:"
    assert line.startswith(f"{name}: Expected ")
    assert "KEY" not in name or not value or value not in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "942df02fefdcda8ca90aec659175e197"),
        ("SECRET_KEY_FALLBACKS", f"{KEY}, 942df02fefdcda8ca90aec659175e197"),
        ("JWT_SIGNING_KEY", KEY),
        ("FRONTEND_URL", "http://localhost:3000"),
        ("FRONTEND_URL", "https://app.example.com"),
        ("BACKEND_CORS_ORIGINS", '["http://localhost:5173", "http://[::1]:5173"]'),
        ("TRUSTED_PROXIES", "10.0.0.0/8, fd00::/8, 127.0.0.1"),
    ],
)
def test_production_takes_what_is_safe(name, value):
    loaded = load(**{**PRODUCTION, name: value})

    assert loaded.returncode == 0, loaded.stderr


@pytest.mark.parametrize(
    ("environment", "origins"), [({}, "['http://localhost:5173']"), (PRODUCTION, "[]")]
)
def test_the_origin_of_a_laptop_is_the_default_only_there(environment, origins):
    code = "import lazyrabbit.settings as s; print(s.CORS_ALLOWED_ORIGINS)"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == origins


def test_production_too_reports_all_mistakes_at_once():
    loaded = load(ENVIRONMENT="production", DEBUG="true", PORT="x", EMAIL_URL="x", THROTTLING="no")

    told = loaded.stderr.strip().splitlines()[1:]
    assert sorted(line.partition(":")[0] for line in told) == [
        "ALLOWED_HOSTS",
        "DEBUG",
        "EMAIL_FROM",
        "EMAIL_URL",
        "PORT",
        "SECRET_KEY",
        "THROTTLING",
    ]


def test_lists_may_have_spaces_and_origins_a_slash():
    code = (
        "import lazyrabbit.settings as s; print(s.ALLOWED_HOSTS, s.CORS_ALLOWED_ORIGINS,"
        " [str(network) for network in s.TRUSTED_PROXIES])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={
            "ALLOWED_HOSTS": "a.example.com, b.example.com",
            "BACKEND_CORS_ORIGINS": '["https://a.example.com/", "http://[::1]:5173"]',
            "TRUSTED_PROXIES": "10.0.0.0/8, fd00::/8",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == (
        "['a.example.com', 'b.example.com'] ['https://a.example.com', 'http://[::1]:5173']"
        " ['10.0.0.0/8', 'fd00::/8']"
    )


def test_an_empty_key_is_no_fallback():
    code = "import lazyrabbit.settings as s; print(s.SECRET_KEY_FALLBACKS)"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"SECRET_KEY_FALLBACKS": "one, ,two,"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.strip() == "['one', 'two']"


def test_the_products_name_is_said_and_refused():
    code = (
        "import lazyrabbit.settings as s, lazyrabbit.gunicorn as g;"
        "print(s.SPECTACULAR_SETTINGS['TITLE'], s.AUTH_PASSWORD_VALIDATORS[-2]['OPTIONS'],"
        " g.WELCOME)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"SITE_NAME": " Acme ", "PYTHON_DOTENV_DISABLED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.startswith("Acme accounts {'site_name': 'Acme'} \n  Acme accounts\n")


def test_the_key_of_the_tokens_is_not_the_secret_key(settings):
    assert settings.SECRET_KEY not in settings.SIMPLE_JWT["SIGNING_KEY"]
