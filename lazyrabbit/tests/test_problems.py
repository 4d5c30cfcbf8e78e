"""Errors have one shape, whatever goes wrong and wherever."""

import pytest
from django.test import Client, RequestFactory
from django.urls import path
from drf_standardized_errors.handler import exception_handler
from rest_framework.views import APIView

from lazyrabbit import problems, urls

pytestmark = pytest.mark.django_db
MEMBERS = {"type", "title", "status", "detail", "code", "errors", "request_id"}


def assert_problem(answer, status: int, code: str) -> None:
    body = answer.json()
    assert answer.status_code == body["status"] == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert body.keys() == MEMBERS
    assert (body["code"], body["request_id"]) == (code, answer.headers["X-Request-ID"])


def fail(request, *args):
    raise ZeroDivisionError("the secret of the house")


class FailingView(APIView):
    authentication_classes = []
    permission_classes = []
    get = fail


urlpatterns = [*urls.urlpatterns, path("fail", fail), path("api/fail", FailingView.as_view())]
handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500


@pytest.mark.parametrize(
    "address",
    ["/nowhere", "/api/v1/nowhere", "/api/v1/auth/signup/x", "/static/none.js", "/%ff%fe"],
)
def test_an_unknown_path_is_404(client, address):
    answer = client.get(address)

    assert_problem(answer, 404, "not_found")
    assert answer.json()["detail"] == "There is nothing at this address."


@pytest.mark.parametrize(
    "address", ["/%00", "/docs?q=%00", "/admin/?q=a%00b", "/api/v1/users/me/sessions/%00"]
)
def test_a_nul_in_the_path_or_query_is_400(client, address):
    assert_problem(client.get(address), 400, "bad_request")


def test_a_nul_in_a_cookie_is_400(client):
    headers = {"Cookie": r'sessionid="aaaaaaaaaaaa\000"'}

    assert_problem(client.get("/admin/", headers=headers), 400, "bad_request")


@pytest.mark.parametrize(
    "address",
    ["/api/v1/auth/signup", "/api/healthy", "/metrics/x", "/docs", "/admin/"],
)
@pytest.mark.parametrize("host", ["evil.example", "a b", "x" * 300, ""])
def test_a_foreign_host_is_400(client, address, host):
    assert_problem(client.get(address, headers={"Host": host}), 400, "bad_request")


def test_a_method_that_is_not_allowed_is_405(client):
    for address in ("/api/v1/auth/signin", "/api/v1/auth/signup"):
        answer = client.get(address)
        assert_problem(answer, 405, "method_not_allowed")
        assert answer.headers["Allow"] == "POST, OPTIONS"
    answer = client.post("/api/health")
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("options", "/docs"),
        ("post", "/docs"),
        ("post", "/static/admin/css/base.css"),
        ("post", "/redoc"),
        ("post", "/api/v1/openapi.json"),
        ("delete", "/admin/login/"),
    ],
)
def test_a_method_that_a_page_lacks_is_405(client, method, address):
    answer = getattr(client, method)(address)

    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"]


def test_an_unknown_method_is_not_repeated(client):
    answer = client.generic("C4N4RY", "/api/v1/auth/signin")

    assert_problem(answer, 405, "method_not_allowed")
    assert "C4N4RY" not in answer.content.decode()


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("address", "debug"), [("/fail", False), ("/api/fail", False), ("/api/fail", True)]
)
def test_a_failure_of_our_own_tells_nothing(client, settings, address, debug, caplog):
    settings.DEBUG = debug
    client.raise_request_exception = False

    answer = client.get(address)

    assert_problem(answer, 500, "error")
    assert "secret" not in answer.content.decode()
    assert "the secret of the house" in caplog.text


@pytest.mark.parametrize(("excess", "status"), [(1, 413), (0, 200)])
def test_a_form_that_django_would_not_read_is_413(settings, excess, status):
    form = "username=" + "x" * 100
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = len(form) - excess

    answer = Client().post("/admin/login/", form, "application/x-www-form-urlencoded")

    assert answer.status_code == status
    if status == 413:
        assert_problem(answer, 413, "body_too_large")


@pytest.mark.parametrize("length", ["canary", "1.5", ""])
def test_an_odd_length_is_no_failure_of_ours(client, db, length):
    answer = client.generic("POST", "/api/v1/auth/signin", CONTENT_LENGTH=length)

    assert answer.status_code == 400


def test_permission_denied_outside_the_api_is_a_problem():
    request = RequestFactory().get("/")
    answer = problems.permission_denied(request, Exception())

    assert answer.status_code == 403


@pytest.mark.parametrize("given", ["3f2b8c1e-proxy.id_1", "a" * 64])
def test_the_request_id_of_the_proxy_is_kept(client, given):
    answer = client.get("/nowhere", headers={"X-Request-ID": given})

    assert_problem(answer, 404, "not_found")
    assert answer.headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "short", "a" * 65, "with space", "<script>", "a\nb" * 4])
def test_a_malformed_request_id_is_replaced(client, given):
    answer = client.get("/nowhere", headers={"X-Request-ID": given})

    assert_problem(answer, 404, "not_found")
    assert answer.headers["X-Request-ID"] != given


def test_every_view_uses_the_one_handler(settings):
    handlers = settings.REST_FRAMEWORK["EXCEPTION_HANDLER"]
    assert handlers == f"{exception_handler.__module__}.{exception_handler.__name__}"


def test_a_frontend_on_another_origin_may_read_the_answer(client, settings):
    headers = {"Origin": "http://localhost:5173"}
    answer = client.post("/api/v1/auth/signin", {}, headers=headers)

    assert answer.headers["Access-Control-Allow-Origin"] == "http://localhost:5173"
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert "x-request-id" in answer.headers["Access-Control-Expose-Headers"].lower()


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:5174", "*"])
def test_any_other_origin_may_not_read_the_answer(client, origin):
    answer = client.post("/api/v1/auth/signin", {}, headers={"Origin": origin})

    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_preflight_is_answered(client):
    headers = {
        "Origin": "http://localhost:5173",
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    answer = client.options("/api/v1/users/me", headers=headers)

    assert answer.status_code == 200
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize(
    "folder", ["/static/", "/static/admin/", "/static/pages", "/.git/", "/docs/x"]
)
def test_no_folder_is_listed(client, folder):
    assert_problem(client.get(folder), 404, "not_found")


@pytest.mark.parametrize("address", ["/docs", "/admin/login/", "/api/v1/users/me", "/api/health"])
def test_trace_is_refused_everywhere(client, address):
    answer = client.generic("TRACE", address, headers={"X-Secret": "secret"})

    assert answer.status_code in (401, 405)
    assert b"secret" not in answer.content
