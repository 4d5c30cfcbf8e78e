"""Permissions in the admin: the tests try each row of the tables in docs/security.md."""

from contextlib import suppress
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import NoReverseMatch, reverse

from accounts.conftest import sign_in_as
from accounts.events.models import Event
from accounts.outbox.models import Mail
from accounts.staff.tests.test_look_after_users import form_of
from accounts.staff.users import PRIVILEGES
from accounts.tests.tables import FIELDS, NEVER, names, routes, row_of, table
from accounts.users.models import User

pytestmark = pytest.mark.django_db
# The admin table's columns after the first: the people and their permissions.
ROLES: dict[str, tuple[str, ...]] = {
    "stranger": (),
    "member": (),
    "staff": (),
    "view": ("view",),
    "change": ("view", "change"),
    "add": ("view", "change", "add"),
    "delete": ("view", "delete"),
    "superuser": (),
}


MODELS = ("user", "group", "event", "mail")


@pytest.fixture
def objects(client, user):
    """Return one object of each model that has pages in the admin."""
    client.post("/api/v1/auth/signup", {"email": "ana@example.com", "password": "x7-fourq"})
    group = Group.objects.create(name="helpers")
    return dict(zip(MODELS, (user, group, Event.objects.get(), Mail.objects.get()), strict=True))


def enter(role: str) -> Client:
    """Sign in to the admin with these permissions for every model of it."""
    if role == "stranger":
        return Client()
    if role == "superuser":
        return sign_in_as(User.objects.create_superuser("root@example.com", "securepassword123"))
    person = User.objects.create_user(
        "staff@example.com", "securepassword123", is_staff=role != "member"
    )
    codenames = [f"{act}_{model}" for act in ROLES[role] for model in MODELS]
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return sign_in_as(person)


def admin_pages() -> list[str]:
    found = [(path, route.name) for path, route in routes()]
    return sorted(name for path, name in found if path.startswith("/admin") and name)


def address(page: str, objects: dict[str, Any]) -> str:
    """Return the path of the admin page, for the object of its model if it needs one."""
    model = next((model for model in MODELS if f"_{model}_" in page), "")
    for arguments in ([objects[model].pk] if model else ["accounts"], []):
        with suppress(NoReverseMatch):
            return reverse(f"admin:{page}", args=arguments)
    raise AssertionError(page)


def is_shown(browser: Client, page: str, objects: dict[str, Any]) -> bool:
    """Return whether the page is shown, and not the sign-in form or a refusal."""
    ask = browser.post if page == "logout" else browser.get
    answer = ask(address(page, objects), follow=True)
    assert answer.status_code in (200, 403, 404)
    is_form = "admin/login.html" in {template.name for template in answer.templates}
    return answer.status_code == 200 and (page == "login" or not is_form)


def yes_or_no(*answers: bool) -> list[str]:
    return ["yes" if answer else "no" for answer in answers]


PAGES = {names(row[0])[0]: row[1:] for row in table("The admin")}


def test_the_table_names_every_page_of_the_admin():
    assert sorted(PAGES) == admin_pages()


@pytest.mark.parametrize("role", ROLES)
def test_the_admin_shows_each_page_to_the_people_in_the_table(objects, role):
    browser, column = enter(role), list(ROLES).index(role)
    pages = sorted(PAGES, key=lambda page: page == "logout")

    shown = {page: yes_or_no(is_shown(browser, page, objects))[0] for page in pages}

    assert shown == {page: PAGES[page][column] for page in pages}


WHOSE = {row[0]: row[1:] for row in table("Whose account in the admin")}


@pytest.mark.parametrize("whose", WHOSE)
@pytest.mark.parametrize("role", ["staff", "superuser"])
def test_staff_change_only_the_accounts_in_the_table(objects, role, whose):
    browser = enter("superuser" if role == "superuser" else "change")
    me = User.objects.get(email__in=["staff@example.com", "root@example.com"])
    me.user_permissions.set(Permission.objects.filter(content_type__model="user"))
    is_superuser = whose == "another superuser's"
    other = User.objects.create_user(
        "other@example.com",
        "x7-fourq",
        is_staff=whose not in ("a member's", "their own"),
        is_superuser=is_superuser,
    )
    on_page = objects | {"user": me if whose == "their own" else other}

    form = browser.get(address("accounts_user_change", on_page)).content.decode()
    password = browser.get(address("auth_user_password_change", on_page))
    delete = browser.get(address("accounts_user_delete", on_page))

    found = yes_or_no(
        'name="_save"' in form, password.status_code != 403, delete.status_code == 200
    )
    half = slice(0, 3) if role == "staff" else slice(3, 6)
    assert found == WHOSE[whose][half]


@pytest.mark.parametrize("role", ["staff", "superuser"])
def test_a_form_of_the_admin_writes_only_what_the_table_says(user, role):
    group = Group.objects.create(name="helpers")
    browser = enter("superuser" if role == "superuser" else "change")
    page = reverse("admin:accounts_user_change", args=[user.pk])
    before, form = row_of(user), form_of(browser, page)
    sent = NEVER | {
        "full_name": "Changed",
        "password": "x",
        "groups": group.pk,
        "user_permissions": Permission.objects.values_list("pk", flat=True)[0],
        "is_staff": "on",
        "is_superuser": "on",
    }
    del sent["is_active"]
    form.pop("is_active", None)

    assert browser.post(page, form | sent).status_code == 302

    after = row_of(user) | {"user_permissions": row_of(user)["permissions"]}
    before |= {"user_permissions": before["permissions"]}
    column = 1 if role == "staff" else 2
    written = {name for name in FIELDS if "writes" in FIELDS[name][column]} - {"password"}
    told = {name for name in FIELDS if before[name] != after[name]} - {"updated_at"}
    assert told == written
    assert set(PRIVILEGES) & written == (set(PRIVILEGES) if role == "superuser" else set())
    assert after["created_at"] == before["created_at"]
