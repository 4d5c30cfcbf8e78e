"""Every endpoint under /api/v1/; each also works with a trailing slash, without a redirect."""

from django.urls import include, path, re_path
from rest_framework.routers import SimpleRouter

from accounts.auth.views import AuthViewSet
from accounts.email_addresses.views import ChangeEmailViewSet, EmailViewSet
from accounts.events.views import EventViewSet
from accounts.me.views import MeViewSet
from accounts.passwords.views import ChangePasswordViewSet, PasswordViewSet
from accounts.sessions.views import SessionViewSet

router = SimpleRouter()
router.trailing_slash = "/?"
router.register("auth", AuthViewSet, basename="auth")
router.register("auth", PasswordViewSet, basename="password")
router.register("auth", EmailViewSet, basename="email")
router.register("users/me/change-email", ChangeEmailViewSet, basename="change-email")
router.register("users/me/change-password", ChangePasswordViewSet, basename="change-password")
router.register("users/me/events", EventViewSet, basename="event")
router.register("users/me/sessions", SessionViewSet, basename="session")

me = MeViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"})

urlpatterns = [
    re_path(r"^users/me/?$", me, name="me"),
    path("", include(router.urls)),
]
