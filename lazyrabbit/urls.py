"""Every URL of the service."""

from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import (
    SpectacularRedocView,
    SpectacularSwaggerSplitView,
)

from accounts.link_pages.views import PageView
from lazyrabbit import health, metrics, problems, schema

FAVICON = "drf_spectacular_sidecar/swagger-ui-dist/favicon-32x32.png"
PAGE = {"url_name": "schema", "http_method_names": ["get", "head"]}
docs = SpectacularSwaggerSplitView.as_view(**PAGE, template_name="docs.html")
redoc = SpectacularRedocView.as_view(**PAGE, template_name="redoc.html")

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="docs")),
    path("api/v1/", RedirectView.as_view(pattern_name="docs")),
    path("api/v1/", include("accounts.urls")),
    re_path(r"^api/health/?$", health.HealthView.as_view(), name="health"),
    re_path(r"^api/health/ready/?$", health.ready, name="ready"),
    re_path(r"^api/v1/openapi\.json/?$", schema.view, name="schema"),
    re_path(r"^docs/?$", docs, name="docs"),
    re_path(r"^redoc/?$", redoc, name="redoc"),
    re_path(r"^account/(?P<name>[a-z-]+)/?$", PageView.as_view(), name="account"),
    re_path(r"^metrics/?$", metrics.view, name="metrics"),
    path("favicon.ico", RedirectView.as_view(url=static(FAVICON))),
    path("admin", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
]

handler400 = problems.bad_request
handler403 = problems.permission_denied
handler404 = problems.not_found
handler500 = problems.server_error
