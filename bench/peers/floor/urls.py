from django.urls import path

from bench.peers.floor.views import me
from bench.peers.health import health

urlpatterns = [
    path("api/health", health),
    path("api/v1/users/me", me),
]
