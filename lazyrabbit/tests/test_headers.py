"""The headers of every response, and the requests refused without HTTPS."""

import os
import secrets
import subprocess
import sys

import pytest
from django.urls import reverse

from accounts.users.models import User
from lazyrabbit.tests.conftest import PRODUCTION, ROOT

pytestmark = pytest.mark.django_db
EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@pytest.fixture
def production(settings):
    """Set what production sets, without a new process that loads the settings."""
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 31536000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("get", "/api/health"),
        ("get", "/api/v1/users/me"),
        ("get", "/api/v1/nowhere"),
        ("post", "/api/v1/auth/signin"),
        ("options", "/api/v1/auth/signin"),
        ("get", "/api/v1/openapi.json"),
        ("get", "/api/v1/auth/%00"),
    ],
)
def test_a_browser_shows_and_keeps_nothing_of_the_api(client, method, address):
    answer = getattr(client, method)(address)

    assert EVERYWHERE.items() <= answer.headers.items()
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert (
        answer.headers["Content-Security-Policy"]
        == "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    )


@pytest.mark.parametrize(
    "address", ["/", "/docs", "/redoc", "/admin/login/", "/nowhere", "/static/docs.css"]
)
def test_a_page_runs_and_shows_only_what_is_ours(client, address):
    answer = client.get(address)
    answer.close()

    assert EVERYWHERE.items() <= answer.headers.items()
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self';" in policy
    assert "base-uri 'none'; frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_over_https_a_browser_is_told_to_stay_there(client, production):
    for address in ("/api/health", "/docs"):
        answer = client.get(address, secure=True)

        assert answer.status_code == 200
        assert answer.headers["Strict-Transport-Security"] == (
            "max-age=31536000; includeSubDomains"
        )


def test_the_api_over_plain_http_is_refused(client, production, test_user_data):
    answer = client.post("/api/v1/auth/signup", test_user_data)

    assert (answer.status_code, answer.json()["code"]) == (403, "https_required")
    assert not User.objects.exists()


def test_a_page_over_plain_http_leads_to_https(client, production):
    for address in ("/docs", "/admin/login/", "/account/verify-email"):
        answer = client.get(address)

        assert answer.status_code == 301
        assert answer.headers["Location"] == f"https://testserver{address}"


def test_a_load_balancer_may_ask_over_plain_http(client, production):
    assert client.get("/api/health").status_code == 200


def test_a_client_cannot_say_that_it_came_over_https(client, production):
    for name in ("X-Forwarded-Proto", "X-Forwarded-Ssl", "Forwarded", "X-Scheme"):
        answer = client.get("/api/v1/users/me", headers={name: "https"})
        assert answer.status_code == 403, name


def test_a_frontend_of_another_origin_may_read_what_it_needs(client):
    answer = client.get("/api/health", headers={"Origin": "http://localhost:5173"})

    exposed = answer.headers["Access-Control-Expose-Headers"].lower().split(", ")
    assert {"retry-after", "x-request-id"} <= set(exposed)


PREFLIGHT = {"Origin": "http://localhost:5173", "Access-Control-Request-Method": "POST"}
SENT_BY_FRONTENDS = [
    *("authorization", "content-type", "accept-language", "cache-control", "x-request-id"),
    *("traceparent", "tracestate", "baggage", "sentry-trace"),
]


@pytest.mark.parametrize("path", ["auth/signin", "users/me"])
def test_a_frontend_that_traces_its_requests_passes_the_preflight(client, path):
    headers = PREFLIGHT | {"Access-Control-Request-Headers": ",".join(SENT_BY_FRONTENDS)}

    answer = client.options(f"/api/v1/{path}", headers=headers)

    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:5173"
    allowed = set(answer.headers["Access-Control-Allow-Headers"].split(", "))
    assert set(SENT_BY_FRONTENDS) <= allowed
    assert not {"*", "cookie", "x-forwarded-for", "x-anything"} & allowed


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://localhost:5173.evil.example", "null"]
)
def test_another_origin_is_allowed_nothing(client, origin):
    headers = PREFLIGHT | {"Origin": origin, "Access-Control-Request-Headers": "traceparent"}

    for answer in (
        client.options("/api/v1/auth/signin", headers=headers),
        client.get("/api/health", headers=headers),
    ):
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_nothing_is_left_to_warn_about_in_production():
    loaded = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **PRODUCTION, "SECRET_KEY": secrets.token_hex(32)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr


def test_cookies_of_the_admin_are_secure_in_production(tmp_path):
    code = (
        "import django; django.setup(); from django.test import Client;"
        "from django.core.management import call_command; call_command('migrate', verbosity=0);"
        "from accounts.users.models import User;"
        "User.objects.create_superuser('root@example.com', 'securepassword123');"
        "browser = Client(headers={'Host': 'accounts.example.com'});"
        f"browser.post('{reverse('admin:login')}', {{'username': 'root@example.com',"
        " 'password': 'securepassword123'}, secure=True); print(browser.cookies)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            **PRODUCTION,
            "DATABASE_URL": f"sqlite:///{tmp_path}/app.db",
            "DJANGO_SETTINGS_MODULE": "lazyrabbit.settings",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    cookies = [line.partition(":")[2] for line in loaded.stdout.strip().splitlines()]
    assert {cookie.partition("=")[0].strip() for cookie in cookies} == {
        "__Host-sessionid",
        "__Host-csrftoken",
    }, loaded.stderr
    for cookie in cookies:
        parts = cookie.split("; ")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(parts)
        assert not any(part.startswith("Domain") for part in parts)


def test_no_script_of_ours_writes_html_or_runs_text():
    scripts = [*ROOT.glob("accounts/static/**/*.js"), *ROOT.glob("lazyrabbit/static/**/*.js")]

    assert scripts
    for script in scripts:
        text = script.read_text()
        for risky in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert risky not in text, script
