"""The documentation and the admin in a browser, which obeys our Content-Security-Policy."""

from django.urls import reverse

from accounts.tests.browser import NEEDS_A_BROWSER, By, WebDriverWait
from accounts.users.models import User

pytestmark = NEEDS_A_BROWSER
PASSWORD = "securepassword123"


def wait_for(browser, selector: str):
    return WebDriverWait(browser, 20).until(
        lambda browser: browser.find_element(By.CSS_SELECTOR, selector)
    )


def test_a_developer_tries_an_operation_in_the_documentation(person, user):
    ana = person()
    ana.open("/docs")
    wait_for(ana.browser, "#operations-health-health_retrieve").click()
    wait_for(ana.browser, ".try-out__btn").click()
    wait_for(ana.browser, ".execute").click()
    answer = wait_for(ana.browser, ".live-responses-table .highlight-code")
    ana.picture("docs")

    assert '"healthy"' in answer.text
    assert ana.complaints() == []


def test_a_developer_reads_and_searches_the_reference(person, user):
    ana = person()
    ana.open("/redoc")
    wait_for(ana.browser, "[role=search] input").send_keys("refresh")
    wait_for(ana.browser, "[data-role='search:results'] [role=menuitem]")
    ana.picture("redoc")

    (logo,) = ana.complaints()  # Its maker's, which nothing but the policy keeps away.
    assert "cdn.redoc.ly/redoc/logo-mini.svg" in logo


def test_staff_sign_in_and_edit_a_user(person, user):
    root = User.objects.create_superuser("root@example.com", PASSWORD)
    ana = person()
    ana.open(reverse("admin:login"))
    ana.fill(username=root.email, password=PASSWORD)
    ana.browser.find_element(By.CSS_SELECTOR, "[type=submit]").click()
    wait_for(ana.browser, "#site-name")
    for number, page in enumerate(
        [
            reverse("admin:accounts_user_changelist"),
            reverse("admin:accounts_user_change", args=[user.pk]),
            reverse("admin:auth_user_password_change", args=[user.pk]),
            reverse("admin:accounts_user_add"),
            reverse("admin:accounts_event_changelist"),
        ]
    ):
        ana.open(page)
        wait_for(ana.browser, "#content")
        ana.picture(f"admin-{number}")
    ana.open(reverse("admin:accounts_user_change", args=[user.pk]))
    ana.fill(full_name="Ana Moreno")
    ana.browser.find_element(By.NAME, "_save").click()
    wait_for(ana.browser, ".messagelist .success")

    user.refresh_from_db()
    assert user.full_name == "Ana Moreno"
    assert ana.complaints() == []
