"""Every address of the service."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path, re_path
from django.views.decorators.cache import cache_page
from django.views.generic import RedirectView
from drf_spectacular.views import (
    SpectacularJSONAPIView,
    SpectacularRedocView,
    SpectacularSwaggerView,
)

from lazyrabbit import problems
from lazyrabbit.health import HealthView

# The schema takes a good part of a second to make: once a minute will do, also in a flood.
schema = cache_page(60)(SpectacularJSONAPIView.as_view())
FAVICON = "drf_spectacular_sidecar/swagger-ui-dist/favicon-32x32.png"
redoc = SpectacularRedocView.as_view(url_name="schema", template_name="redoc.html")

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="docs")),
    path("api/v1/", include("accounts.urls")),
    re_path(r"^api/health/?$", HealthView.as_view(), name="health"),
    re_path(r"^api/v1/openapi\.json/?$", schema, name="schema"),
    re_path(r"^docs/?$", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    re_path(r"^redoc/?$", redoc, name="redoc"),
    path("favicon.ico", RedirectView.as_view(url=static(FAVICON))),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
]

handler400 = problems.bad_request
handler403 = problems.permission_denied
handler404 = problems.not_found
handler500 = problems.server_error
