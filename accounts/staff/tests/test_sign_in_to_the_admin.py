import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.throttling.models import Counter
from accounts.users.models import User

LOGIN = reverse("admin:login")
CREDENTIALS = {"username": "root@example.com", "password": "securepassword123"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def root(db):
    return User.objects.create_superuser("root@example.com", "securepassword123")


@pytest.fixture
def browser():
    return Client()


def test_staff_sign_in(browser, root):
    answer = browser.post(LOGIN, CREDENTIALS | {"username": " Root@Example.com"})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/profile/")
    assert browser.get(reverse("admin:index")).status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [{"password": "wrongpassword123"}, {"username": "nobody@example.com"}, {"username": "\0"}],
)
def test_the_admin_does_not_say_which_credential_is_wrong(browser, root, wrong):
    answer = browser.post(LOGIN, CREDENTIALS | wrong)

    assert answer.status_code == 200
    assert browser.get(reverse("admin:index")).status_code == 302


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_a_person_without_access_gets_the_same_answer(browser, root, change):
    wrong = browser.post(LOGIN, CREDENTIALS | {"password": "wrongpassword123"})
    User.objects.update(**change)
    refused = browser.post(LOGIN, CREDENTIALS)

    assert refused.context["form"].errors == wrong.context["form"].errors
    assert browser.get(reverse("admin:index")).status_code == 302


def test_after_5_failures_a_page_says_how_long_to_wait(browser, root):
    for _ in range(5):
        assert browser.post(LOGIN, CREDENTIALS | {"password": "wrong"}).status_code == 200

    answer = browser.post(LOGIN, CREDENTIALS)

    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 300
    assert answer.headers["Content-Type"].startswith("text/html")
    page = answer.content.decode()
    assert "Too many attempts, try again later." in page
    assert "You can try again in 5 minutes." in page
    assert "permission" not in page
    assert browser.get(reverse("admin:index")).status_code == 302


def test_the_limits_are_those_of_the_api(browser, client, root):
    body = {"email": "root@example.com", "password": "wrong"}
    for _ in range(3):
        assert client.post("/api/v1/auth/signin", body).status_code == 401
    for _ in range(2):
        assert browser.post(LOGIN, CREDENTIALS | {"password": "wrong"}).status_code == 200

    assert browser.post(LOGIN, CREDENTIALS).status_code == 429
    assert client.post("/api/v1/auth/signin", body).status_code == 429


@pytest.mark.parametrize("empty", [{"username": ""}, {"password": ""}, {}])
def test_an_empty_form_counts_as_no_failure(browser, root, empty):
    form = CREDENTIALS | empty if empty else {}
    for _ in range(10):
        assert browser.post(LOGIN, form).status_code == 200
    assert not Counter.objects.exists()


def test_a_new_sign_in_to_the_admin_has_a_new_cookie(browser, root):
    browser.cookies[settings.SESSION_COOKIE_NAME] = fixed = "a" * 32
    cookies = [fixed]

    for _ in range(2):
        assert browser.post(LOGIN, CREDENTIALS).status_code == 302
        cookies.append(browser.cookies[settings.SESSION_COOKIE_NAME].value)

    assert len(set(cookies)) == 3
    assert len(cookies[-1]) == 32
    for old in cookies[:2]:
        thief = Client()
        thief.cookies[settings.SESSION_COOKIE_NAME] = old
        assert thief.get(reverse("admin:index")).status_code == 302


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "javascript:alert(1)",
        "/\\evil.example",
        "\t//e.e",
    ],
)
def test_a_sign_in_leads_to_no_other_host(browser, root, elsewhere):

    answer = browser.post(LOGIN, CREDENTIALS | {"next": elsewhere})

    assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/profile/")


def test_the_admin_keeps_nothing_in_the_browser_after_the_sign_out(superuser):
    page = superuser.get(reverse("admin:accounts_user_changelist"))
    assert "no-store" in page.headers["Cache-Control"]

    answer = superuser.post(reverse("admin:logout"))

    assert answer.cookies[settings.SESSION_COOKIE_NAME].value == ""
    assert answer.cookies[settings.SESSION_COOKIE_NAME]["max-age"] == 0
