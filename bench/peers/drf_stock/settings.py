"""Django REST framework with SimpleJWT, its blacklist, and djoser, as their documentations say."""

from datetime import timedelta

from bench.peers import django_settings
from bench.peers.django_settings import *  # noqa: F403 (a settings module is read by its names)

ROOT_URLCONF = "bench.peers.drf_stock.urls"
INSTALLED_APPS = [
    *django_settings.INSTALLED_APPS,
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "djoser",
]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework_simplejwt.authentication.JWTAuthentication",
    ]
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=django_settings.ACCESS_TOKEN_MINUTES),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
}
DJOSER = {
    "SERIALIZERS": {
        "user": "bench.peers.drf_stock.serializers.UserSerializer",
        "current_user": "bench.peers.drf_stock.serializers.UserSerializer",
    }
}
