"""The options of an operator, read once from the environment; the defaults are safe.

The README's table and ``.env.example`` list the same names, and a test compares the three.
"""

import os
import re
from difflib import get_close_matches

from environs import EnvValidationError
from environs import validate as check

from accounts.management import safety
from lazyrabbit import env_file
from lazyrabbit.environment import env
from lazyrabbit.secret_files import SECRETS

RANDOM = "at least 32 random characters, like those of `openssl rand -hex 32`,"

# Where it runs.
ENVIRONMENT = env.str(
    "ENVIRONMENT", "development", validate=check.OneOf(["development", "production"])
)
IS_PRODUCTION = ENVIRONMENT == "production"
SITE_NAME = env.site_name("SITE_NAME", "Lazy Rabbit")
DEBUG = env.bool("DEBUG", False)
PORT = env.int("PORT", 8000, validate=check.Range(1, 65535))
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", [], subcast=str.strip)
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES", "")
# The usual origin of a frontend on a laptop; production has to name its own.
BACKEND_CORS_ORIGINS = env.origins(
    "BACKEND_CORS_ORIGINS", "[]" if IS_PRODUCTION else '["http://localhost:5173"]'
)

# Monitoring.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
DRAIN_SECONDS = env.int("DRAIN_SECONDS", 0, validate=check.Range(0, 300))

# Mail, and where its links lead.
EMAIL_URL = env.email_url("EMAIL_URL", "console:")
EMAIL_FROM = env.mailbox("EMAIL_FROM", "Lazy Rabbit <accounts@localhost>")
FRONTEND_URL = env.url_prefix("FRONTEND_URL", "")
EMAIL_VERIFICATION = env.str(
    "EMAIL_VERIFICATION", "optional", validate=check.OneOf(["none", "optional", "required"])
)

# Where the data is.
DATABASE = env.database_url("DATABASE_URL", "sqlite:///./app.db")

# Keys and tokens.
SECRET_KEY = env.str("SECRET_KEY", "")
# Everyone knows an empty key.
SECRET_KEY_FALLBACKS = [
    key for key in env.list("SECRET_KEY_FALLBACKS", [], subcast=str.strip) if key
]
JWT_SIGNING_KEY = env.str("JWT_SIGNING_KEY", "")
ALGORITHM = env.str("ALGORITHM", "HS256", validate=check.OneOf(["HS256", "HS384", "HS512"]))
ACCESS_TOKEN_EXPIRE_MINUTES = env.int(
    "ACCESS_TOKEN_EXPIRE_MINUTES", 15, validate=check.Range(1, 24 * 60)
)
REFRESH_TOKEN_EXPIRE_DAYS = env.int("REFRESH_TOKEN_EXPIRE_DAYS", 7, validate=check.Range(1, 3650))
REFRESH_GRACE_SECONDS = env.int("REFRESH_GRACE_SECONDS", 10, validate=check.Range(0, 60))

# Sessions.
SESSION_MAX_DAYS = env.int("SESSION_MAX_DAYS", 30, validate=check.Range(1, 3650))
SESSIONS_PER_USER = env.int("SESSIONS_PER_USER", 50, validate=check.Range(1, 10_000))
SESSION_RETENTION_DAYS = env.int("SESSION_RETENTION_DAYS", 90, validate=check.Range(0, 3650))
EVENT_RETENTION_DAYS = env.int("EVENT_RETENTION_DAYS", 400, validate=check.Range(1, 3650))
REAUTHENTICATION_MINUTES = env.int(
    "REAUTHENTICATION_MINUTES", 60, validate=check.Range(0, 30 * 24 * 60)
)

# Passwords.
BREACHED_PASSWORDS = env.breached_passwords("BREACHED_PASSWORDS", "")
HASHING_WAIT_SECONDS = env.int("HASHING_WAIT_SECONDS", 40, validate=check.Range(0, 300))

# Sign-up.
SIGNUP_MODE = env.str("SIGNUP_MODE", "open", validate=check.OneOf(["open", "approval", "closed"]))

# Limits. Of sign-ins only failures count.
THROTTLING = env.bool("THROTTLING", True)
SIGNIN_RATE_ACCOUNT_NETWORK = env.rate("SIGNIN_RATE_ACCOUNT_NETWORK", "5/5m")
SIGNIN_RATE_ACCOUNT = env.rate("SIGNIN_RATE_ACCOUNT", "10/5m")
CODE_RATE_ACCOUNT = env.rate("CODE_RATE_ACCOUNT", "20/1d")
PASSWORD_RATE_ACCOUNT = env.rate("PASSWORD_RATE_ACCOUNT", "100/1d")
REAUTHENTICATION_RATE_ACCOUNT = env.rate("REAUTHENTICATION_RATE_ACCOUNT", "5/5m")
SIGNIN_RATE_NETWORK = env.rate("SIGNIN_RATE_NETWORK", "30/1m")
MAIL_RATE_NETWORK = env.rate("MAIL_RATE_NETWORK", "20/1h")
MAIL_RATE_ACCOUNT = env.rate("MAIL_RATE_ACCOUNT", "5/1h")
CHANGE_RATE_ACCOUNT = env.rate("CHANGE_RATE_ACCOUNT", "60/1h")
SIGNUP_RATE_NETWORK = env.rate("SIGNUP_RATE_NETWORK", "60/1h")

# The files that secrets came from; every option has been read by now.
SECRET_FILES = list(env.files.values())


def mistakes() -> list[str]:
    """Return one line for each setting that cannot be used, with the name of its variable."""
    wrong: dict[str, list[str]] = {}
    try:
        env.seal()
    except EnvValidationError as error:
        wrong = dict(error.error_messages)  # type: ignore[arg-type]
    if IS_PRODUCTION:
        wrong = {**unsafe(), **wrong}
    # Of a file that cannot be read, say only that. Report a wrong content by the file's variable.
    wrong = {name: wrong[name] for name in wrong if f"{name}_FILE" not in wrong}
    names = {name: f"{name}_FILE" for name in env.files}
    return [f"{names.get(name, name)}: {' '.join(wrong[name])}" for name in wrong]


def unsafe() -> dict[str, list[str]]:
    """Return the mistakes of values that are only for a laptop."""
    # A value that could not be read is None.
    is_console = EMAIL_URL and "console" in EMAIL_URL["EMAIL_BACKEND"]
    is_local = EMAIL_FROM and re.search(r"(@[^.]+|\.localhost)>?$", EMAIL_FROM)
    hosts, key = ALLOWED_HOSTS or [], JWT_SIGNING_KEY or ""
    found = {
        "SECRET_KEY": (RANDOM, not safety.is_random(SECRET_KEY or "")),
        "SECRET_KEY_FALLBACKS": (
            f"{RANDOM} for each key",
            not all(map(safety.is_random, SECRET_KEY_FALLBACKS)),
        ),
        "JWT_SIGNING_KEY": (f"{RANDOM} or none", key and not safety.is_random(key)),
        "DEBUG": ("false", DEBUG),
        "EMAIL_URL": ("a mail server, like smtps://USER:PASSWORD@HOST,", is_console),
        "EMAIL_FROM": ("an address of a domain that is yours", is_local),
        "FRONTEND_URL": ("https://", safety.is_in_the_clear(FRONTEND_URL or "")),
        "BACKEND_CORS_ORIGINS": (
            "https:// in each origin",
            any(map(safety.is_in_the_clear, BACKEND_CORS_ORIGINS or [])),
        ),
        "TRUSTED_PROXIES": (
            "the addresses of proxies, and no network as wide as the internet,",
            any(map(safety.covers_everyone, TRUSTED_PROXIES or [])),
        ),
        "THROTTLING": ("true", not THROTTLING),
        "METRICS_TOKEN": ("16 random characters or none", 0 < len(METRICS_TOKEN or "") < 16),
        "ALLOWED_HOSTS": ("the names of this service, not *,", not hosts or "*" in hosts),
    }
    return {
        name: [f"Expected {expected} in production."]
        for name, (expected, is_wrong) in found.items()
        if is_wrong
    }


def misspelt() -> list[str]:
    """Return a sentence for each variable that is probably a misspelt setting."""
    known = env.dump().keys() | {f"{name}_FILE" for name in SECRETS}
    sentences = list[str]()
    others = ("DJANGO_", "GUNICORN_", "PG", "PYTHON")  # Our libraries read these.
    for name in sorted({*os.environ, *env_file.names} - known):
        meant = get_close_matches(name.upper(), known, n=1, cutoff=0.85)
        if meant:
            sentences.append(f"{name} is no setting: {meant[0]} is.")
        elif name in env_file.names and not name.startswith(others):
            sentences.append(f"{name}, which .env names, is no setting.")
    return sentences


if lines := mistakes():
    raise SystemExit("\n".join(["The settings cannot be used:", *lines]))
