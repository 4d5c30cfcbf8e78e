"""Staff cannot raise their privileges in the admin."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from accounts.staff.tests.test_look_after_users import ADD, LIST, form_of, page_of
from accounts.users.models import User

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_only_active_staff_enter_the_admin(change):
    User.objects.create_superuser("root@example.com", "securepassword123")
    User.objects.update(**change)
    browser = Client()
    credentials = {"username": "root@example.com", "password": "securepassword123"}

    assert browser.post(reverse("admin:login"), credentials).status_code == 200
    assert browser.get(LIST).status_code == 302


def test_staff_without_permission_see_nothing_more(staff, user):
    browser = staff()

    assert "test@example.com" not in browser.get("/admin/").content.decode()
    for address in (LIST, ADD, page_of(user), page_of(user, "auth_user_password_change")):
        assert browser.get(address).status_code == 403, address
    assert browser.post(page_of(user, "accounts_user_delete"), {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=user.pk).exists()


def test_staff_who_may_view_cannot_change(staff, user):
    browser = staff("view")

    assert "test@example.com" in browser.get(page_of(user)).content.decode()
    assert browser.post(page_of(user), {"full_name": "Changed"}).status_code == 403
    assert User.objects.get(pk=user.pk).full_name == "Test User"


def test_only_superusers_give_privileges(staff, user):
    browser = staff("view", "change")
    me = User.objects.get(email="staff@example.com")
    privileges = {"is_superuser": "on", "is_staff": "on", "user_permissions": ["1", "2"]}

    for person in (me, user):
        form = form_of(browser, page_of(person)) | privileges
        assert browser.post(page_of(person), form).status_code == 302
    assert not User.objects.filter(is_superuser=True).exists()
    assert not User.objects.get(pk=user.pk).is_staff
    assert me.user_permissions.count() == 2


def test_only_superusers_touch_superusers(staff):
    root = User.objects.create_superuser("root@example.com", "securepassword123")
    browser = staff("view", "change", "delete")
    strong = dict.fromkeys(("password1", "password2"), "anotherpassword123")

    assert browser.post(page_of(root), {"full_name": "Changed"}).status_code == 403
    assert browser.post(page_of(root, "auth_user_password_change"), strong).status_code == 403
    assert browser.post(page_of(root, "accounts_user_delete"), {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [root.pk], "post": "yes"}
    browser.post(LIST, chosen)

    assert User.objects.get(pk=root.pk).password == root.password


def test_only_superusers_touch_other_staff(staff, user):
    User.objects.filter(pk=user.pk).update(is_staff=True)
    browser = staff("view", "change", "delete")
    strong = dict.fromkeys(("password1", "password2"), "anotherpassword123")

    assert browser.post(page_of(user), {"full_name": "Changed"}).status_code == 403
    assert browser.post(page_of(user, "auth_user_password_change"), strong).status_code == 403
    assert browser.post(page_of(user, "accounts_user_delete"), {"post": "yes"}).status_code == 403
    me = User.objects.get(email="staff@example.com")
    form = form_of(browser, page_of(me)) | {"full_name": "Myself"}
    assert browser.post(page_of(me), form).status_code == 302


def test_only_superusers_change_groups(staff, superuser):
    group = Group.objects.create(name="helpers")
    browser = staff("view", "change")
    me = User.objects.get(email="staff@example.com")
    me.user_permissions.add(Permission.objects.get(codename="change_group"))
    me.groups.add(group)
    address = reverse("admin:auth_group_change", args=[group.pk])
    form = {"name": "helpers", "permissions": [Permission.objects.first().pk]}

    assert browser.post(address, form).status_code == 403
    assert not group.permissions.exists()
    assert superuser.post(address, form).status_code == 302
    assert group.permissions.exists()
