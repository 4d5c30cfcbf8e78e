"""The least that Django can do: no middleware but the one that sets Content-Length."""

from bench.peers.django_settings import *  # noqa: F403 (a settings module is read by its names)

ROOT_URLCONF = "bench.peers.floor.urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "bench.peers.people",
]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
