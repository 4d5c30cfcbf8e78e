"""A change that cannot be recorded does not happen."""

from contextlib import contextmanager

import pytest
from django.db import connection
from django.urls import reverse

from accounts.sessions.models import Session
from accounts.staff.tests.test_look_after_sessions_of_users import act
from accounts.staff.tests.test_look_after_users import form_of, page_of
from accounts.users.models import User

ME = "/api/v1/users/me"
CREDENTIALS = {"email": "test@example.com", "password": "testpassword123"}
PASSWORD = {"current_password": "testpassword123"}
pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def log_out_of_reach():
    def rename(old: str, new: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")

    rename("events", "events_away")
    try:
        yield
    finally:
        rename("events_away", "events")


def everything() -> list:
    models = (User, Session)
    return [list(model.objects.order_by("pk").values()) for model in models]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", "/api/v1/auth/signup", {"email": "a@example.com", "password": "pass-word-1"}),
        ("post", "/api/v1/auth/signin", CREDENTIALS),
        ("post", "/api/v1/auth/signout", {"scope": "global"}),
        ("post", f"{ME}/change-password", PASSWORD | {"new_password": "newpassword123"}),
        ("patch", ME, {"full_name": "Changed"}),
        ("patch", ME, {"password": "newpassword123"}),
        ("delete", ME, {}),
        ("delete", f"{ME}/sessions/{{session}}", {}),
    ],
)
def test_a_request_that_cannot_be_recorded_changes_nothing(sign_in, method, path, body):
    member = sign_in()
    sign_in()
    member.raise_request_exception = False
    session = Session.objects.latest("created_at")
    before = everything()

    with log_out_of_reach():
        answer = getattr(member, method)(path.format(session=session.pk), body)

    assert answer.status_code == 500
    assert everything() == before


def test_a_stolen_token_is_refused_all_the_same(sign_in, settings):
    settings.REFRESH_GRACE_SECONDS = 0
    member = sign_in()
    member.raise_request_exception = False
    body = {"refresh_token": member.tokens["refresh_token"]}
    assert member.post("/api/v1/auth/refresh", body).status_code == 200

    with log_out_of_reach():
        assert member.post("/api/v1/auth/refresh", body).status_code == 500
    assert Session.objects.live().exists()
    assert member.post("/api/v1/auth/refresh", body).status_code == 401
    assert not Session.objects.live().exists()


@pytest.mark.parametrize(
    "do",
    [
        lambda browser, user: act(browser, "deactivate_and_sign_out", user),
        lambda browser, user: act(browser, "sign_out_everywhere", user),
        lambda browser, user: browser.post(
            page_of(user), form_of(browser, page_of(user)) | {"full_name": "Changed"}
        ),
        lambda browser, user: browser.post(page_of(user, "accounts_user_delete"), {"post": "yes"}),
        lambda browser, user: browser.post(
            reverse("admin:accounts_user_changelist"),
            {"action": "delete_selected", "_selected_action": [user.pk], "post": "yes"},
        ),
        lambda browser, user: browser.post(
            page_of(user, "auth_user_password_change"),
            dict.fromkeys(("password1", "password2"), "anotherpassword123")
            | {"usable_password": "true"},
        ),
    ],
    ids=["deactivate", "sign out", "edit", "delete", "delete selected", "set password"],
)
def test_a_staff_action_that_cannot_be_recorded_changes_nothing(superuser, sign_in, user, do):
    sign_in()
    superuser.raise_request_exception = False
    before = everything()

    with log_out_of_reach():
        assert do(superuser, user).status_code == 500

    assert everything() == before
