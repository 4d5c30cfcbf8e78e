"""How long a staff session in the admin lasts, and how it ends for good."""

from io import StringIO
from threading import Event as Signal
from time import sleep

import pytest
import time_machine
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session as Cookie
from django.core.management import call_command
from django.db import transaction
from django.test import Client as Browser
from django.urls import reverse

from accounts.actors.actor import Actor
from accounts.conftest import sign_in_as
from accounts.management.commands import changepassword
from accounts.passwords import flows as passwords
from accounts.passwords.tests.test_reset_the_password import token_in
from accounts.sessions import flows
from accounts.staff import site as door
from accounts.staff.tests.test_look_after_sessions_of_users import act
from accounts.staff.tests.test_look_after_users import form_of, page_of
from accounts.users.models import User

ADMIN, LOGIN, OWN = (reverse(f"admin:{name}") for name in ("index", "login", "password_change"))
OLD, NEW = "testpassword123", "anotherpassword123"
pytestmark = pytest.mark.django_db


def is_in(browser) -> bool:
    return browser.get(ADMIN).status_code == 200


@pytest.fixture
def helper(user):
    """A browser in which the user, who is staff, is in the admin."""
    User.objects.filter(pk=user.pk).update(is_staff=True)
    return come_in(Browser())


def come_in(browser, password: str = OLD):
    form = {"username": "test@example.com", "password": password}
    assert browser.post(f"{LOGIN}?next={ADMIN}", form).headers["Location"] == ADMIN
    return browser


def deactivate(superuser, user):
    form = form_of(superuser, page_of(user))
    del form["is_active"]
    assert superuser.post(page_of(user), form).status_code == 302


def deactivate_several(superuser, user):
    act(superuser, "deactivate_and_sign_out", user)


def demote(superuser, user):
    form = form_of(superuser, page_of(user))
    del form["is_staff"]
    assert superuser.post(page_of(user), form).status_code == 302


def restore(superuser, user):
    """Restore the account's rights, as staff would."""
    form = form_of(superuser, page_of(user)) | {"is_active": "on", "is_staff": "on"}
    assert superuser.post(page_of(user), form).status_code == 302


@pytest.mark.parametrize("end", [deactivate, deactivate_several, demote])
def test_a_cookie_is_not_good_again_with_the_account(superuser, helper, user, end):
    assert is_in(helper)

    end(superuser, user)
    assert [str(cookie) for cookie in Cookie.objects.all()] == [superuser.session.session_key]
    assert not is_in(helper)
    restore(superuser, user)

    assert not is_in(helper)
    assert is_in(superuser)
    assert is_in(come_in(helper))


def test_another_change_of_the_account_ends_no_cookie(superuser, helper, user):
    form = form_of(superuser, page_of(user)) | {"full_name": "Changed", "is_superuser": "on"}
    assert superuser.post(page_of(user), form).status_code == 302

    assert User.objects.get(pk=user.pk).is_superuser
    assert is_in(helper)


def by_patch(client, monkeypatch, deliver):
    member(client).patch("/api/v1/users/me", {"password": NEW, "current_password": OLD})


def by_change(client, monkeypatch, deliver):
    body = {"new_password": NEW, "current_password": OLD}
    member(client).post("/api/v1/users/me/change-password", body)


def by_reset(client, monkeypatch, deliver):
    client.post("/api/v1/auth/forgot-password", {"email": "test@example.com"})
    token = token_in(deliver()[-1])
    client.post("/api/v1/auth/reset-password", {"token": token, "password": NEW})


def by_command(client, monkeypatch, deliver):
    monkeypatch.setattr(changepassword, "getpass", lambda prompt: NEW)
    call_command("changepassword", "test@example.com", stdout=StringIO())


def by_password_form(client, monkeypatch, deliver):
    browser = sign_in_as(User.objects.get())
    browser.post(OWN, {"old_password": OLD, "new_password1": NEW, "new_password2": NEW})
    assert is_in(browser)  # Where it was changed, one stays in.
    browser.logout()


def member(client):
    body = {"email": "test@example.com", "password": OLD}
    tokens = client.post("/api/v1/auth/signin", body).json()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access_token']}")
    return client


@pytest.mark.parametrize("change", [by_patch, by_change, by_reset, by_command, by_password_form])
def test_a_changed_password_ends_every_cookie(client, helper, monkeypatch, deliver, change):
    other = come_in(Browser())

    change(client, monkeypatch, deliver)

    assert User.objects.get().check_password(NEW)
    assert not Cookie.objects.exists()
    assert not is_in(helper)
    assert not is_in(other)


def test_a_password_that_staff_set_ends_the_cookies_of_its_owner(superuser, helper, user):
    form = {"usable_password": "true", "password1": NEW, "password2": NEW}
    superuser.post(page_of(user, "auth_user_password_change"), form)

    assert User.objects.get(pk=user.pk).check_password(NEW)
    assert Cookie.objects.count() == 1
    assert (is_in(superuser), is_in(helper)) == (True, False)


# Twelve hours are the end.


def use(browser, user) -> int:
    """Show a message, for which Django saves the session again."""
    User.objects.filter(pk=user.pk).update(is_active=False)
    status: int = act(browser, "approve", user).status_code
    return status


@pytest.mark.parametrize("is_at_the_door", [True, False])
def test_a_cookie_ends_12_hours_after_the_sign_in_however_it_is_used(user, is_at_the_door):
    with time_machine.travel("2026-01-01T08:00Z", tick=False) as clock:
        root = User.objects.create_superuser("root@example.com", "securepassword123")
        browser = Browser() if is_at_the_door else sign_in_as(root)
        if is_at_the_door:
            form = {"username": root.email, "password": "securepassword123"}
            assert browser.post(f"{LOGIN}?next={ADMIN}", form).status_code == 302
        for instant in ("13:00", "18:00", "19:59:59"):
            clock.move_to(f"2026-01-01T{instant}Z")
            assert use(browser, user) == 200
            assert User.objects.get(pk=user.pk).is_active
            assert is_in(browser)

        clock.move_to("2026-01-01T20:00:00Z")

        assert not is_in(browser)
        use(browser, user)
        assert not User.objects.get(pk=user.pk).is_active


def test_a_new_sign_in_has_12_hours_again(user):
    with time_machine.travel("2026-01-01T08:00Z", tick=False) as clock:
        User.objects.update(is_staff=True)
        browser = come_in(Browser())
        clock.move_to("2026-01-01T19:00Z")
        come_in(browser)

        clock.move_to("2026-01-02T06:59Z")
        assert is_in(browser)
        clock.move_to("2026-01-02T07:00Z")
        assert not is_in(browser)


def test_changing_the_password_extends_no_admin_session(user):
    with time_machine.travel("2026-01-01T08:00Z", tick=False) as clock:
        User.objects.update(is_staff=True)
        browser = come_in(Browser())
        clock.move_to("2026-01-01T19:00Z")
        form = {"old_password": OLD, "new_password1": NEW, "new_password2": NEW}
        assert browser.post(OWN, form).status_code == 302

        assert is_in(browser)
        clock.move_to("2026-01-01T20:00Z")
        assert not is_in(browser)


# A sign-in while the session ends.


@pytest.mark.parametrize(
    "change", [{"is_active": False}, {"is_staff": False}, {"password": "changed meanwhile"}]
)
def test_a_change_before_the_session_is_stored_refuses_the_sign_in(user, monkeypatch, change):
    """The hash took long: the account was changed after its password was found right."""
    User.objects.update(is_staff=True)
    verify = door.flows.signin_staff

    def slow(*arguments):
        found = verify(*arguments)
        User.objects.update(**change)
        flows.end_admin_sessions([user.pk])
        return found

    monkeypatch.setattr(door.flows, "signin_staff", slow)
    browser = Browser()
    form = {"username": user.email, "password": OLD}
    answer = browser.post(f"{LOGIN}?next={ADMIN}", form)

    assert answer.headers["Location"] == LOGIN
    User.objects.update(is_active=True, is_staff=True, password=user.password)
    assert not is_in(browser)
    assert not Cookie.objects.exists()


def test_a_session_ended_during_a_request_is_not_stored_again(helper, user):
    cookie = helper.session
    cookie["read"] = "before it was ended"
    flows.end_admin_sessions([user.pk])

    with pytest.raises(UpdateError):
        cookie.save()
    assert not Cookie.objects.exists()


@pytest.mark.postgresql
def test_a_session_that_is_stored_beside_a_deactivation_never_outlives_it(race, user):
    """In either order the second one waits for the row and sees the first one's change."""
    User.objects.update(is_staff=True)
    staff = User.objects.get()

    def store():
        browser = Browser()
        session = browser.session
        session["_auth_user_id"] = str(staff.pk)
        try:
            flows.store_admin_session(staff, session)
        except flows.InvalidCredentials:
            session.flush()

    def deactivate():
        with transaction.atomic():
            User.objects.select_for_update().get(pk=staff.pk)
            is_locked.set()
            sleep(0.02)
            User.objects.filter(pk=staff.pk).update(is_active=False)
            flows.end_admin_sessions([staff.pk])

    def store_once_locked():
        is_locked.wait(5)
        store()

    for store_it in [store_once_locked, store] * 5:
        is_locked = Signal()
        race(deactivate, store_it)
        assert not Cookie.objects.exists()
        User.objects.update(is_active=True)


def test_a_cookie_of_the_previous_version_gets_its_end_when_it_is_stored(helper, user):
    session = helper.session
    del session["_session_expiry"]
    Cookie.objects.update(
        session_data=Cookie.objects.get().get_session_store_class()().encode(dict(session.items()))
    )
    assert is_in(helper)

    session.save()

    assert "_session_expiry" in helper.session


def test_a_new_password_by_the_owner_of_a_plain_account_looks_at_no_cookie(
    member, user, django_assert_max_num_queries
):
    with django_assert_max_num_queries(40) as queries:
        passwords.set_by_staff(user, NEW, Actor())
    assert not [query for query in queries if "django_session" in query["sql"]]
