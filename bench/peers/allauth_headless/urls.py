from django.urls import include, path

from bench.peers.health import health

urlpatterns = [
    path("api/health", health),
    path("accounts/", include("allauth.urls")),
    path("_allauth/", include("allauth.headless.urls")),
]
