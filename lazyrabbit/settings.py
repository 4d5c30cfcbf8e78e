"""Every setting of the service.

The first half reads what an operator may set, once, from the environment: the README's table and
``.env.example`` list the same names, and a test compares the three. Unset means safe. The second
half wires Django from those values, one block per concern.
"""

import hmac
import os
import secrets
from datetime import timedelta
from pathlib import Path

from environs import EnvValidationError
from environs import validate as check

from lazyrabbit.environment import env

BASE_DIR = Path(__file__).resolve().parent.parent


# --- What an operator may set ---------------------------------------------------------------------

# Where it runs.
ENVIRONMENT = env.str(
    "ENVIRONMENT", "development", validate=check.OneOf(["development", "production"])
)
DEBUG = env.bool("DEBUG", False)
PORT = env.int("PORT", 8000, validate=check.Range(1, 65535))
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", [], subcast=str.strip)
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES", "")
BACKEND_CORS_ORIGINS = env.origins("BACKEND_CORS_ORIGINS", '["http://localhost:5173"]')

# Mail, and where its links lead.
EMAIL_URL = env.email_url("EMAIL_URL", "console:")
EMAIL_FROM = env.str("EMAIL_FROM", "Lazy Rabbit <accounts@localhost>")
FRONTEND_URL = env.url_prefix("FRONTEND_URL", "")
EMAIL_VERIFICATION = env.str(
    "EMAIL_VERIFICATION", "optional", validate=check.OneOf(["none", "optional", "required"])
)

# Where the data is.
DATABASE = env.database_url("DATABASE_URL", "sqlite:///./app.db")

# Keys and tokens.
SECRET_KEY = env.str("SECRET_KEY", "")
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
HASHING_QUEUE = env.int("HASHING_QUEUE", 3, validate=check.Range(0, 1000))

# Who may sign up.
SIGNUP_MODE = env.str("SIGNUP_MODE", "open", validate=check.OneOf(["open", "approval", "closed"]))

# Limits. Of sign-ins only failures count.
THROTTLING = env.bool("THROTTLING", True)
SIGNIN_RATE_ACCOUNT_NETWORK = env.rate("SIGNIN_RATE_ACCOUNT_NETWORK", "5/5m")
SIGNIN_RATE_ACCOUNT = env.rate("SIGNIN_RATE_ACCOUNT", "10/5m")
SIGNIN_RATE_NETWORK = env.rate("SIGNIN_RATE_NETWORK", "30/1m")
MAIL_RATE_NETWORK = env.rate("MAIL_RATE_NETWORK", "20/1h")
MAIL_RATE_ACCOUNT = env.rate("MAIL_RATE_ACCOUNT", "5/1h")
SIGNUP_RATE_NETWORK = env.rate("SIGNUP_RATE_NETWORK", "60/1h")


def mistakes() -> list[str]:
    """Return one line for each setting that cannot be used, with the name of its variable."""
    try:
        env.seal()
    except EnvValidationError as error:
        told: dict[str, list[str]] = dict(error.error_messages)  # type: ignore[arg-type]
        return [f"{name}: {' '.join(messages)}" for name, messages in told.items()]
    if ENVIRONMENT != "production":
        return []
    wrong = {
        "SECRET_KEY: Expected at least 32 random characters in production.": len(SECRET_KEY) < 32,
        "DEBUG: Expected false in production.": DEBUG,
        "EMAIL_URL: Expected a mail server in production, like smtps://USER:PASSWORD@HOST.": (
            "console" in EMAIL_URL["EMAIL_BACKEND"]
        ),
        "THROTTLING: Expected true in production.": not THROTTLING,
        "ALLOWED_HOSTS: Expected the names of this service in production, not *.": (
            not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS
        ),
    }
    return [line for line, is_wrong in wrong.items() if is_wrong]


if lines := mistakes():
    raise SystemExit("\n".join(["The settings cannot be used:", *lines]))


# --- What follows from it -------------------------------------------------------------------------

# On a laptop a key of its own for each process will do; `make run` writes a lasting one.
SECRET_KEY = SECRET_KEY or secrets.token_urlsafe(64)
ALLOWED_HOSTS = ALLOWED_HOSTS or ["localhost", ".localhost", "127.0.0.1", "[::1]"]

INSTALLED_APPS = [
    "django_tasks",
    "django_tasks_db",
    "accounts",
    "lazyrabbit.apps.AdminConfig",  # Django's admin, with our way in.
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "drf_standardized_errors",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
MIDDLEWARE = [
    "lazyrabbit.middleware.RequestIDMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "lazyrabbit.middleware.WellFormedMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "lazyrabbit.middleware.ProblemMiddleware",
]
ROOT_URLCONF = "lazyrabbit.urls"
WSGI_APPLICATION = "lazyrabbit.wsgi.application"
APPEND_SLASH = False  # Both spellings of an API path work, without a redirect.
SESSION_COOKIE_AGE = 12 * 60 * 60  # Of the admin, in seconds: a working day.
CSRF_FAILURE_VIEW = "lazyrabbit.problems.csrf_failure"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "lazyrabbit" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Mail waits in the database, in the transaction that it tells about, for ``manage.py worker``.
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
globals().update(EMAIL_URL)  # EMAIL_BACKEND, EMAIL_HOST and so on, as Django names them.
EMAIL_TIMEOUT = 10  # Seconds for each answer of the mail server.
DEFAULT_FROM_EMAIL = SERVER_EMAIL = EMAIL_FROM
# Without a frontend, links lead to pages of our own; never to wherever a request says it came.
HOST = ALLOWED_HOSTS[0].lstrip(".")
ORIGIN = f"https://{HOST}" if ENVIRONMENT == "production" else f"http://127.0.0.1:{PORT}"
LINK_URL = FRONTEND_URL or f"{ORIGIN}/account"

# Languages and time. The API speaks English; mails and pages what their readers like best.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
TIME_ZONE = "UTC"
USE_TZ = True

# The processes of a node, and in each the threads that answer requests.
CORES = os.cpu_count() or 1
WORKERS = CORES if ENVIRONMENT == "production" else 1
THREADS = 8

# The database. ATOMIC_REQUESTS stays off: it would undo "revoke the session, then answer 401".
DATABASES = {"default": DATABASE}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
if DATABASE["ENGINE"] == "django.db.backends.sqlite3":
    # A write transaction takes its lock at once and waits up to 5 s for it, so that parallel
    # writers queue instead of failing; FULL keeps what was acknowledged through a power cut.
    DATABASE["NAME"] = str(BASE_DIR / DATABASE["NAME"])
    DATABASE["CONN_MAX_AGE"] = None
    DATABASE["OPTIONS"] = {
        "timeout": 5,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
else:
    # In seconds to connect, and for a statement and a lock in milliseconds.
    DATABASE["OPTIONS"] = {
        "connect_timeout": 2,
        "options": "-c statement_timeout=5000 -c lock_timeout=2000",
        "pool": {"min_size": 1, "max_size": 2 * THREADS, "timeout": 5},
        **DATABASE.get("OPTIONS", {}),
    }

# Users and their passwords.
AUTH_USER_MODEL = "accounts.User"
# A right password of an inactive account is told apart in auth.flows.signin, not by the backend.
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]
PASSWORD_HASHERS = [
    "accounts.users.hashers.BcryptSHA256Hasher",
    "accounts.users.hashers.ImportedBcryptHasher",
]
# Together the workers hash on every core. In each, at most half of the threads may be hashing.
HASHING_THREADS = min(max(1, CORES // WORKERS), THREADS // 2)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "accounts.passwords.policy.MaximumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "full_name")},
    },
]

# Tokens. Their key serves this one use, so a leaked token key opens no admin cookie.
SIMPLE_JWT = {
    "ALGORITHM": ALGORITHM,
    "SIGNING_KEY": JWT_SIGNING_KEY
    or hmac.digest(SECRET_KEY.encode(), b"accounts.sessions.tokens", "sha512").hex(),
    "ISSUER": "lazyrabbit",
    "AUDIENCE": "lazyrabbit",
    "LEEWAY": timedelta(seconds=10),
    "USER_ID_CLAIM": "sub",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=ACCESS_TOKEN_EXPIRE_MINUTES),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=REFRESH_TOKEN_EXPIRE_DAYS),
}

# The API: JSON in, JSON out.
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.sessions.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["lazyrabbit.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "lazyrabbit.parsers.FirstRenderer",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "lazyrabbit.schema.AutoSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "TEST_REQUEST_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "lazyrabbit.problems.ProblemHandler",
    "EXCEPTION_FORMATTER_CLASS": "lazyrabbit.problems.ProblemFormatter",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOWED_ORIGINS = [origin.rstrip("/") for origin in BACKEND_CORS_ORIGINS]
CORS_ALLOW_CREDENTIALS = True
CORS_EXPOSE_HEADERS = ["Retry-After", "WWW-Authenticate", "X-Request-ID"]

# Documentation and static files, served by this process from the packages they came in.
SPECTACULAR_SETTINGS = {
    "TITLE": "Lazy Rabbit accounts",
    "DESCRIPTION": "Sign up, sign in, and look after your account and its sessions.",
    "VERSION": "1.0.0",
    "SCHEMA_PATH_PREFIX": r"/api/(v1/)?",
    "PREPROCESSING_HOOKS": ["lazyrabbit.schema.without_trailing_slash"],
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": True, "displayRequestDuration": True},
    "TAGS": [
        {"name": "auth", "description": "Come in, stay in, go out."},
        {"name": "users", "description": "The account of the person who is signed in."},
        {"name": "health", "description": "For load balancers."},
    ],
}
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        # One's own handlers instead of Django's; a client's mistake (4xx) is no news of ours.
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.request": {"level": "ERROR"},
        "django.security": {"level": "CRITICAL"},
        # The worker looks into the queue every second; what fails is said by accounts.mails.
        "django_tasks": {"level": "CRITICAL"},
        "django_tasks_db": {"level": "WARNING"},
    },
}
