"""Django's settings, one block per concern; those of an operator are in ``options``."""

import hmac
import secrets
from datetime import timedelta
from pathlib import Path

from corsheaders.defaults import default_headers

from lazyrabbit import capacity, databases, logging, options
from lazyrabbit.options import *  # Each option is a setting too: a limit is read by its name.

BASE_DIR = Path(__file__).resolve().parent.parent

# On a laptop each process may have a random key; `make run` writes a lasting one.
SECRET_KEY = options.SECRET_KEY or secrets.token_urlsafe(64)
ALLOWED_HOSTS = options.ALLOWED_HOSTS or ["localhost", ".localhost", "127.0.0.1", "[::1]"]

INSTALLED_APPS = [
    "django_tasks",
    "django_tasks_db",
    "accounts",
    "lazyrabbit.apps.AdminConfig",  # Django's admin, with our sign-in.
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
    "lazyrabbit.middleware.WatchedMiddleware",
    "lazyrabbit.observation.ObservationMiddleware",
    "lazyrabbit.middleware.HeadersMiddleware",
    "lazyrabbit.pages.ErrorPageMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "lazyrabbit.middleware.HTTPSMiddleware",
    "lazyrabbit.middleware.WellFormedMiddleware",
    "accounts.users.middleware.HashingMiddleware",
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
CSRF_FAILURE_VIEW = "lazyrabbit.problems.csrf_failure"

# HTTPS, and cookies that only this host can set, over HTTPS (RFC 6265bis, section 4.1.3.2).
IS_PRODUCTION = options.IS_PRODUCTION
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_PRODUCTION
SECURE_REDIRECT_EXEMPT = [r"^api/", r"^metrics/?$"]
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if IS_PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_PRODUCTION
SECURE_REFERRER_POLICY = "no-referrer"  # headers.py has the exceptions.
SILENCED_SYSTEM_CHECKS = ["security.W021"]  # Preloading HSTS is up to the owner of the domain.
SESSION_COOKIE_NAME = "__Host-sessionid" if IS_PRODUCTION else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if IS_PRODUCTION else "csrftoken"
CSRF_COOKIE_HTTPONLY = True
SESSION_ENGINE = "accounts.staff.cookies"
SESSION_COOKIE_AGE = 12 * 60 * 60  # Of the admin, in seconds from the sign-in on: a working day.
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
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

# Mail is queued in the transaction that causes it, and sent by ``manage.py worker``.
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
EMAIL_BACKEND = options.EMAIL_URL["EMAIL_BACKEND"]
EMAIL_HOST = options.EMAIL_URL["EMAIL_HOST"]
EMAIL_PORT = options.EMAIL_URL["EMAIL_PORT"]
EMAIL_HOST_USER = options.EMAIL_URL["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = options.EMAIL_URL["EMAIL_HOST_PASSWORD"]
EMAIL_USE_SSL = options.EMAIL_URL["EMAIL_USE_SSL"]
EMAIL_USE_TLS = options.EMAIL_URL["EMAIL_USE_TLS"]
EMAIL_FILE_PATH = options.EMAIL_URL["EMAIL_FILE_PATH"]
EMAIL_TIMEOUT = 60  # Seconds for each answer of the mail server: some check for spam first.
DEFAULT_FROM_EMAIL = SERVER_EMAIL = options.EMAIL_FROM
# Without a frontend, links lead to our own pages; never to the host that a request names.
HOST = ALLOWED_HOSTS[0].lstrip(".")
ORIGIN = f"https://{HOST}" if IS_PRODUCTION else f"http://127.0.0.1:{options.PORT}"
LINK_URL = options.FRONTEND_URL or f"{ORIGIN}/account"

# Languages and time. The API is in English; mails and pages are in the reader's language.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español")]
LOCALE_PATHS = [BASE_DIR / "accounts" / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True

# The processes of a node, and in each the threads that answer requests.
CORES, WORKERS, THREADS = capacity.CORES, capacity.WORKERS, capacity.THREADS
READING_THREADS = 64  # Threads that never wait for a hash, however many people sign in.

# The database, and how many connections the threads of a worker share.
# ATOMIC_REQUESTS stays off: it would undo "revoke the session, then answer 401".
CONNECTIONS = 5
DATABASES = {"default": databases.bounded(options.DATABASE)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Users and their passwords.
AUTH_USER_MODEL = "accounts.User"
# auth.flows.verify decides about a sign-in; this backend only identifies users of the admin.
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]
PASSWORD_HASHERS = [
    "accounts.users.hashers.BcryptSHA256Hasher",
    "accounts.users.hashers.ImportedBcryptHasher",
]
# Together the workers hash on every core. Each has two threads at least: requests are distributed
# unevenly, and a worker without any leaves its core to another.
HASHING_THREADS = max(2, CORES // WORKERS)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "accounts.passwords.policy.MinimumLengthValidator"},
    {"NAME": "accounts.passwords.policy.MaximumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "full_name")},
    },
    {
        "NAME": "accounts.passwords.policy.PredictablePasswordValidator",
        "OPTIONS": {"site_name": options.SITE_NAME},
    },
    {
        "NAME": "accounts.passwords.policy.BreachedPasswordValidator",
        "OPTIONS": {"file": options.BREACHED_PASSWORDS},
    },
]


def token_key(secret_key: str) -> str:
    """Derive a key for tokens alone: if it leaks, the cookies of the admin stay safe."""
    return hmac.digest(secret_key.encode(), b"accounts.sessions.tokens", "sha512").hex()


# Tokens. Those signed with an older key stay valid; see sessions/tokens.py.
TOKEN_KEY_FALLBACKS = [token_key(key) for key in options.SECRET_KEY_FALLBACKS]
SIMPLE_JWT = {
    "ALGORITHM": options.ALGORITHM,
    "SIGNING_KEY": options.JWT_SIGNING_KEY or token_key(SECRET_KEY),
    "ISSUER": "lazyrabbit",
    "AUDIENCE": "lazyrabbit",
    "LEEWAY": timedelta(seconds=10),
    "USER_ID_CLAIM": "sub",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=options.ACCESS_TOKEN_EXPIRE_MINUTES),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=options.REFRESH_TOKEN_EXPIRE_DAYS),
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
CORS_ALLOWED_ORIGINS = [origin.rstrip("/") for origin in options.BACKEND_CORS_ORIGINS]
CORS_ALLOW_CREDENTIALS = True
# Headers of Sentry, OpenTelemetry (W3C Trace Context, Baggage) and common clients: without them
# every preflight would fail.
CORS_ALLOW_HEADERS = [
    *default_headers,
    *("accept-language", "baggage", "cache-control", "sentry-trace"),
    *("traceparent", "tracestate", "x-request-id"),
]
CORS_EXPOSE_HEADERS = ["Retry-After", "WWW-Authenticate", "X-Request-ID"]

# Documentation and static files, served by this process from their packages.
SPECTACULAR_SETTINGS = {
    "TITLE": f"{options.SITE_NAME} accounts",
    "DESCRIPTION": "Sign up, sign in, and look after your account and its sessions.",
    "VERSION": "1.0.0",
    "LICENSE": {"name": "MIT", "identifier": "MIT"},
    "OAS_VERSION": "3.1.0",  # Its schemas are JSON Schema, so any validator reads them.
    "SERVERS": [{"url": "/", "description": "The host that this schema came from."}],
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
STATICFILES_DIRS = [BASE_DIR / "lazyrabbit" / "static"]
WHITENOISE_USE_FINDERS = True

LOGGING = logging.configuration(is_json=IS_PRODUCTION)
