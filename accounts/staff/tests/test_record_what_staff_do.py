"""Each action of staff records an event that names them."""

import pytest
from django.contrib.auth.models import Group
from django.test import Client as Browser
from django.urls import reverse

from accounts.events.models import Event
from accounts.sessions.models import Session
from accounts.staff.tests.test_look_after_sessions_of_users import act, ending
from accounts.staff.tests.test_look_after_users import ADD, form_of, page_of
from accounts.users.models import User

pytestmark = pytest.mark.django_db


def staff_key() -> int:
    return User.objects.get(is_superuser=True).pk


def test_signing_in_and_out_of_the_admin_is_recorded(db):
    root = User.objects.create_superuser("root@example.com", "securepassword123")
    browser, login = Browser(), reverse("admin:login")
    form = {"username": root.email, "password": "securepassword123"}
    browser.post(login, form | {"password": "wrong"})
    browser.post(login, form)
    browser.post(reverse("admin:logout"))
    User.objects.update(is_staff=False)
    browser.post(login, form)

    events = Event.objects.order_by("id").values_list("name", "user", "details")
    assert list(events) == [
        ("account_created", root.pk, {"is_superuser": True, "by": "command"}),
        ("signin_failed", root.pk, {"reason": "wrong_password"}),
        ("signin_succeeded", root.pk, {"admin": True}),
        ("signout", root.pk, {"admin": True}),
        ("signin_failed", root.pk, {"reason": "not_staff"}),
    ]


def test_an_event_names_the_member_of_staff(superuser, sign_in, user):
    sign_in(), sign_in()
    by = {"by": "staff"}
    superuser.post(page_of(user), ending(superuser, user, Session.objects.earliest("created_at")))
    act(superuser, "sign_out_everywhere", user)
    act(superuser, "deactivate_and_sign_out", user)
    act(superuser, "deactivate_and_sign_out", user)
    act(superuser, "approve", user)
    form = form_of(superuser, page_of(user))
    superuser.post(page_of(user), form | {"full_name": "New", "is_staff": "on"})
    passwords = dict.fromkeys(("password1", "password2"), "anotherpassword123")
    set_password = page_of(user, "auth_user_password_change")
    superuser.post(set_password, passwords | {"usable_password": "true"})
    superuser.post(page_of(user, "accounts_user_delete"), {"post": "yes"})

    events = Event.objects.filter(staff=staff_key(), user=user.pk).order_by("id")
    assert list(events.values_list("name", "details")) == [
        ("session_ended", by),
        ("session_ended", by),
        ("account_deactivated", by),
        ("account_activated", by),
        ("privileges_changed", {"fields": ["is_staff"], "is_staff": True, **by}),
        ("profile_changed", {"fields": ["full_name"], **by}),
        ("password_changed", {"sessions_ended": 0, **by}),
        ("account_deleted", by),
    ]


def test_staff_make_deactivate_and_delete_users(superuser, db):
    form = {"email": "ana@example.com", "full_name": "Ana", "usable_password": "true"}
    superuser.post(ADD, form | dict.fromkeys(("password1", "password2"), "securepassword123"))
    ana = User.objects.get(email="ana@example.com")
    form = form_of(superuser, page_of(ana))
    form.pop("is_active")
    superuser.post(page_of(ana), form)
    superuser.post(
        reverse("admin:accounts_user_changelist"),
        {"action": "delete_selected", "_selected_action": [ana.pk], "post": "yes"},
    )

    events = Event.objects.filter(staff=staff_key(), user=ana.pk).order_by("id")
    assert list(events.values_list("name", flat=True)) == [
        "account_created",
        "account_deactivated",
        "account_deleted",
    ]


def test_staff_change_groups(superuser):
    add = reverse("admin:auth_group_add")
    superuser.post(add, {"name": "editors"})
    group = Group.objects.get()
    superuser.post(reverse("admin:auth_group_change", args=[group.pk]), {"name": "writers"})
    superuser.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"})

    events = Event.objects.filter(name="group_changed").order_by("id")
    assert [(event.details["group"], event.details["act"]) for event in events] == [
        ("editors", "added"),
        ("writers", "changed"),
        ("writers", "deleted"),
    ]
    assert {event.staff_id for event in events} == {staff_key()}


def test_staff_who_change_their_own_password_are_the_person(superuser):
    new = dict.fromkeys(("new_password1", "new_password2"), "anotherpassword123")
    superuser.post(reverse("admin:password_change"), new | {"old_password": "securepassword123"})

    event = Event.objects.get(name="password_changed")
    assert (event.user_id, event.staff_id) == (staff_key(), None)
