"""A person in a browser sees a page when something goes wrong; programs get a problem."""

import re

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import path, reverse

from accounts.staff.tests.test_look_after_users import page_of
from lazyrabbit import problems, urls
from lazyrabbit.tests.test_problems import assert_problem

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
IN_THE_ADMIN = '<div id="site-name"><a href="/admin/">Lazy Rabbit accounts</a></div>'


def fail(request):
    raise ZeroDivisionError("the secret of the house")


def lose_the_database(request):
    raise OperationalError("connection refused")


@pytest.fixture(autouse=True)
def nothing_can_be_recorded(monkeypatch):
    """The database is down, so a forgery records no event."""
    monkeypatch.setattr(problems.forgeries, "record", lambda *forgery: lose_the_database(None))


def give_up(name: str):
    return [path(f"{name}fail", fail), path(f"{name}lost", lose_the_database)]


urlpatterns = [*give_up("admin/"), *give_up("account/x/"), *give_up("api/"), *urls.urlpatterns]
handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500


@pytest.fixture
def browser():
    return Client(raise_request_exception=False)


def read(answer) -> str:
    """Return the text of a page after checking its policy and its markup."""
    content = answer.content.decode()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Accept" in answer.headers["Vary"]
    assert "style-src 'self'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script(?! src)|<style| style=| on\w+=", content)
    assert answer.headers["X-Request-ID"] in content
    assert "secret" not in content
    assert not content.startswith("{")
    return content


def ask(browser, method: str, address: str, accept: str, **more):
    return getattr(browser, method)(address, headers={"Accept": accept, **more})


CASES = [
    ("get", "/nowhere", 404, "not_found", "There is nothing at this address."),
    ("get", "/account/nowhere", 404, "not_found", "There is nothing at this address."),
    ("get", "/static/none.js", 404, "not_found", "There is nothing at this address."),
    ("get", "/docs?q=%00", 400, "bad_request", "The request is malformed."),
    ("get", "/admin/?q=%00", 400, "bad_request", "The request is malformed."),
    ("post", "/docs", 405, "method_not_allowed", "This method is not allowed here."),
    ("post", "/redoc", 405, "method_not_allowed", "This method is not allowed here."),
    ("delete", "/admin/login/", 405, "method_not_allowed", "This method is not allowed here."),
    ("put", "/account/reset-password", 405, "method_not_allowed", "This method is not allowed"),
    ("post", "/admin/login/", 403, "csrf_failed", "Reload the page and try again."),
    ("post", "/account/reset-password", 403, "csrf_failed", "Reload the page and try again."),
    ("get", "/admin/fail", 500, "error", "Something went wrong on our side."),
    ("get", "/account/x/fail", 500, "error", "Something went wrong on our side."),
    ("get", "/admin/lost", 503, "unavailable", "The service is not available right now"),
    ("get", "/account/x/lost", 503, "unavailable", "The service is not available right now"),
]


# Without a database: none of these pages may need it.
@pytest.mark.urls(__name__)
@pytest.mark.parametrize(("method", "address", "status", "code", "sentence"), CASES)
def test_a_browser_gets_a_page_with_a_way_back_and_programs_a_problem(
    browser, method, address, status, code, sentence
):
    browser.handler.enforce_csrf_checks = code == "csrf_failed"
    answer = ask(browser, method, address, BROWSER)
    content = read(answer)

    assert answer.status_code == status
    assert f"<h1>{sentence}" in content
    is_admin = address.startswith("/admin/")
    assert (IN_THE_ADMIN in content) is is_admin
    home = "/admin/" if is_admin else "/"
    assert f'<a href="{home}">Go to the start page</a>' in content
    may_pass = code in {"csrf_failed", "error", "unavailable"}
    assert ('<a href="">Open the page again</a>' in content) is may_pass
    for accept in ("*/*", "application/json", "application/json, text/plain, */*", ""):
        other = ask(browser, method, address, accept)
        assert_problem(other, status, code)
        assert other.headers["Vary"] == answer.headers["Vary"]
        for header in ("Allow", "Retry-After"):
            assert other.headers.get(header) == answer.headers.get(header)
    assert ("Retry-After" in answer.headers) is (status == 503)
    assert ("Allow" in answer.headers) is (status == 405)


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(
    ("method", "address", "status", "code"),
    [
        ("get", "/api/v1/nowhere", 404, "not_found"),
        ("get", "/api/v1/auth/signin", 405, "method_not_allowed"),
        ("get", "/api/v1/users/me", 401, "not_authenticated"),
        ("get", "/api/fail", 500, "error"),
        ("get", "/api/lost", 503, "unavailable"),
    ],
)
def test_the_api_answers_a_browser_with_a_problem_too(browser, method, address, status, code):
    assert_problem(ask(browser, method, address, BROWSER), status, code)


@pytest.mark.parametrize("accept", ["text/html", "text/html;q=0.5, text/plain", BROWSER])
def test_a_client_that_prefers_html_gets_it(browser, accept):
    read(ask(browser, "get", "/nowhere", accept))


@pytest.mark.parametrize(
    "accept",
    [
        "application/problem+json, text/html;q=0.9",
        "text/html;q=0",
        "text/plain",
        ";",
        "text/html; x*=nonsense'en'%20",
        "text/html; x*=base64'en'%20",
        "\xff\xfe",
        "," * 8000,
    ],
)
def test_a_client_that_does_not_prefer_html_gets_a_problem(browser, accept):
    answer = ask(browser, "get", "/nowhere", accept)

    if answer.headers["Content-Type"].startswith("text/html"):
        assert "base64" in accept  # It is read as what it says, without its parameter.
    else:
        assert_problem(answer, 404, "not_found")


@pytest.mark.parametrize("address", ["/admin/login/", "/account/reset-password", "/docs"])
def test_a_browser_with_a_foreign_host_gets_a_page(browser, address):
    answer = ask(browser, "get", address, BROWSER, Host="evil.example")

    assert answer.status_code == 400
    assert "evil" not in read(answer)


def test_a_head_has_no_body(browser):
    answer = ask(browser, "head", "/nowhere", BROWSER)

    assert (answer.status_code, answer.content) == (404, b"")
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_form_that_is_too_large_gets_a_page(browser, settings, db):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    headers = {"Accept": BROWSER}

    answer = browser.post("/admin/login/", {"username": "x" * 100}, headers=headers)

    assert answer.status_code == 413
    assert "<h1>The request body is too large.</h1>" in read(answer)


def test_staff_see_what_they_may_not_do_as_a_page_of_the_admin(staff, user):
    page = page_of(user, "auth_user_password_change")
    support = staff("view")

    for address in (page, reverse("admin:accounts_event_changelist")):
        answer = ask(support, "get", address, BROWSER)
        assert answer.status_code == 403
        content = read(answer)
        assert "<h1>You do not have permission to perform this action.</h1>" in content
        assert IN_THE_ADMIN in content
        assert_problem(ask(support, "get", address, "*/*"), 403, "permission_denied")
    assert IN_THE_ADMIN in read(ask(support, "get", "/admin/nowhere/", BROWSER))


def test_pages_are_in_spanish_for_spanish_readers_and_the_admin_in_english(browser):
    spanish = {"Accept-Language": "es"}
    browser.handler.enforce_csrf_checks = True

    page = read(ask(browser, "get", "/account/nowhere", BROWSER, **spanish))
    assert '<html lang="es">' in page
    assert "<h1>No hay nada en esta dirección.</h1>" in page
    assert "Ir a la página de inicio" in page
    assert "<h1>Reload the page" in read(ask(browser, "post", "/admin/login/", BROWSER, **spanish))
    problem = ask(browser, "get", "/account/nowhere", "*/*", **spanish)
    assert problem.json()["detail"] == "There is nothing at this address."


def test_the_start_page_is_the_frontend_where_there_is_one(browser, settings):
    settings.FRONTEND_URL = "https://app.example.com"

    content = read(ask(browser, "get", "/account/reset-password", BROWSER))

    assert '<a href="https://app.example.com">Go to the start page</a>' in content
