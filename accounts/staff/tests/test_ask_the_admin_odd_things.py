"""No input in the admin causes a server error."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.staff.tests.test_look_after_users import LIST, form_of, page_of
from accounts.users.models import User

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "query",
    [
        {"q": "\0"},
        {"q": "'" * 500},
        {"id": "x" * 400},
        {"id__exact": "9" * 400},
        {"password__startswith": "b"},
        {"o": "9.9.9"},
        {"p": "99999999999999999999"},
        {"is_active__exact": "\0"},
        {"email": "\0"},
        {"email__regex": "("},
        {"created_at__year": "0"},
        {"created_at__gte": "0001-01-01T00:00+23:59"},
        {"id__range": "1"},
        {"created_at__gte": "\0"},
        {"created_at__gte": "not a date"},
        {"e": "1"},
    ],
)
def test_a_question_that_makes_no_sense_is_no_error_of_ours(superuser, query):
    assert superuser.get(LIST, query, follow=True).status_code in (200, 400)


@pytest.mark.parametrize("chosen", ["x", "", "1.5", "9" * 40])
@pytest.mark.parametrize("action", ["sign_out_everywhere", "deactivate_and_sign_out", "approve"])
def test_an_action_on_a_user_that_cannot_be_is_no_error_of_ours(superuser, action, chosen):
    answer = superuser.post(LIST, {"action": action, "_selected_action": chosen})

    assert answer.status_code in (302, 400)


@pytest.mark.parametrize("permission", ["9" * 40, "x", "-1"])
def test_a_privilege_that_cannot_be_is_no_error_of_ours(superuser, user, permission):
    form = form_of(superuser, page_of(user)) | {"user_permissions": permission}

    assert superuser.post(page_of(user), form).status_code in (200, 400)
    assert not User.objects.get(pk=user.pk).user_permissions.exists()


@pytest.mark.parametrize("key", ["x", "9" * 40, "%00", "_00", "-1", "1.5", "%ff"])
def test_a_user_that_cannot_be_is_not_found(superuser, key):
    answer = superuser.get(f"{LIST}{key}/change/")

    assert answer.status_code in (302, 400, 404)
    assert superuser.get(f"{LIST}{key}/password/").status_code in (400, 404)


@pytest.mark.parametrize("address", ["/admin/r/1/x/", "/admin/r/5/%00/", "/admin/nowhere/"])
def test_a_page_that_the_admin_lacks_is_not_found(superuser, address):
    assert superuser.get(address).status_code in (400, 404)


def test_a_form_from_elsewhere_is_refused(user):
    User.objects.create_superuser("root@example.com", "securepassword123")
    browser = Client(enforce_csrf_checks=True)
    credentials = {"username": "root@example.com", "password": "securepassword123"}

    answer = browser.post(reverse("admin:login"), credentials)

    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
    assert answer.headers["Content-Type"] == "application/problem+json"
    token = re.search(
        r'csrfmiddlewaretoken" value="(\w+)"', browser.get(reverse("admin:login")).content.decode()
    )
    answer = browser.post(
        reverse("admin:login"), credentials | {"csrfmiddlewaretoken": token.group(1)}
    )
    assert answer.status_code == 302
