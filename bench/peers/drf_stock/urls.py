from django.urls import include, path

from bench.peers.health import health

urlpatterns = [
    path("api/health", health),
    path("auth/", include("djoser.urls")),
    path("auth/", include("djoser.urls.jwt")),
]
