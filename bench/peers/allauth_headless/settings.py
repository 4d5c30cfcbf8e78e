"""django-allauth's headless API for apps, with the JWT token strategy that it ships.

Tokens are signed with HS256 as in every service here; refresh tokens rotate by default.
"""

# allauth imports this with the first sign-in, and when two threads do at once, one of them fails.
import cryptography.hazmat.primitives.ciphers  # noqa: F401

from bench.peers import django_settings
from bench.peers.django_settings import *  # noqa: F403 (a settings module is read by its names)

ROOT_URLCONF = "bench.peers.allauth_headless.urls"
INSTALLED_APPS = [
    *django_settings.INSTALLED_APPS,
    "allauth",
    "allauth.account",
    "allauth.headless",
]
MIDDLEWARE = [*django_settings.MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]

HEADLESS_ONLY = True
HEADLESS_CLIENTS = ("app",)
HEADLESS_TOKEN_STRATEGY = "allauth.headless.tokens.strategies.jwt.JWTTokenStrategy"  # noqa: S105
HEADLESS_JWT_ALGORITHM = "HS256"
HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = 60 * django_settings.ACCESS_TOKEN_MINUTES

ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_RATE_LIMITS = False  # All requests of a comparison have one address.
