"""What staff do in the admin, and what they must not."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from accounts.sessions.models import Session
from accounts.users.models import User

LIST = reverse("admin:accounts_user_changelist")
ADD = reverse("admin:accounts_user_add")
pytestmark = pytest.mark.django_db


def page_of(user: User, name: str = "accounts_user_change") -> str:
    return reverse(f"admin:{name}", args=[user.pk])


def form_of(browser: Client, address: str) -> dict[str, str]:
    """Return what a browser would send for the form on the page, unchanged."""
    adminform = browser.get(address).context["adminform"]
    values = {bound.name: bound.value() for bound in adminform.form}
    inline = {"sessions-TOTAL_FORMS": "0", "sessions-INITIAL_FORMS": "0"}
    return inline | {name: value for name, value in values.items() if value not in (None, False)}


def test_staff_sign_in_with_the_address_and_find_people(client, superuser, user):
    browser = Client()
    answer = browser.post(
        f"{reverse('admin:login')}?next={LIST}",
        {"username": "ROOT@example.com", "password": "securepassword123"},
    )
    assert (answer.status_code, answer.headers["Location"]) == (302, LIST)

    found = browser.get(LIST, {"q": "test@", "is_active__exact": "1"}).content.decode()
    assert "test@example.com" in found
    assert "staff@example.com" not in found
    assert "test@example.com" not in browser.get(LIST, {"is_staff__exact": "1"}).content.decode()


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_who_is_no_active_staff_member_is_shown_the_door(change):
    User.objects.create_superuser("root@example.com", "securepassword123")
    User.objects.update(**change)
    browser = Client()
    credentials = {"username": "root@example.com", "password": "securepassword123"}

    assert browser.post(reverse("admin:login"), credentials).status_code == 200
    assert browser.get(LIST).status_code == 302


def test_the_page_of_a_user_never_shows_the_hash(superuser, user):
    page = superuser.get(page_of(user)).content.decode()

    assert "test@example.com" in page
    for part in (user.password, "bcrypt", user.password[-10:], user.password[20:30]):
        assert part not in page


def test_a_typed_hash_is_not_stored(superuser, user):
    form = form_of(superuser, page_of(user)) | {"password": "bcrypt_sha256$forged"}

    assert superuser.post(page_of(user), form).status_code == 302
    assert User.objects.get(pk=user.pk).password == user.password


def test_staff_edit_a_user(superuser, user):
    form = form_of(superuser, page_of(user)) | {"email": " New@Example.com", "full_name": "  "}

    assert superuser.post(page_of(user), form).status_code == 302

    changed = User.objects.get(pk=user.pk)
    assert (changed.email, changed.full_name) == ("new@example.com", None)
    assert (changed.password, changed.is_active) == (user.password, True)


@pytest.mark.parametrize("email", ["ROOT@example.com", "nobody", "a@localhost"])
def test_staff_cannot_give_a_user_a_wrong_address(superuser, user, email):
    form = form_of(superuser, page_of(user)) | {"email": email}

    assert superuser.post(page_of(user), form).status_code == 200
    assert User.objects.get(pk=user.pk).email == "test@example.com"


def test_staff_add_a_user_with_a_password_of_the_policy(superuser):
    form = {"email": "Ana@Example.com", "full_name": "Ana", "usable_password": "true"}
    passwords = dict.fromkeys(("password1", "password2"), "password")
    assert superuser.post(ADD, form | passwords).status_code == 200
    assert User.objects.count() == 1

    passwords = dict.fromkeys(("password1", "password2"), "securepassword123")
    assert superuser.post(ADD, form | passwords).status_code == 302
    assert User.objects.get(email="ana@example.com").check_password("securepassword123")


def test_a_password_set_by_staff_ends_the_sessions(client, superuser, user, member):
    address = page_of(user, "auth_user_password_change")
    assert "test@example.com" in superuser.get(address).content.decode()
    weak = dict.fromkeys(("password1", "password2"), "password")
    assert superuser.post(address, weak).status_code == 200
    assert member.get("/api/v1/users/me").status_code == 200

    strong = dict.fromkeys(("password1", "password2"), "anotherpassword123")
    assert superuser.post(address, strong).status_code == 302

    assert member.get("/api/v1/users/me").status_code == 401
    assert User.objects.get(pk=user.pk).check_password("anotherpassword123")


def test_staff_disable_a_password(client, superuser, user, member, test_user_data):
    address = page_of(user, "auth_user_password_change")

    form = {"usable_password": "false", "unset-password": "1"}
    assert superuser.post(address, form).status_code == 302

    assert member.get("/api/v1/users/me").status_code == 401
    assert client.post("/api/v1/auth/signin", test_user_data).status_code == 401
    assert not User.objects.get(pk=user.pk).has_usable_password()


def test_who_sets_the_own_password_stays_signed_in_to_the_admin(superuser):
    root = User.objects.get()
    strong = dict.fromkeys(("password1", "password2"), "anotherpassword123")

    superuser.post(page_of(root, "auth_user_password_change"), strong)

    assert superuser.get(LIST).status_code == 200


def test_deactivating_a_user_ends_the_sessions_for_good(superuser, user, member):
    form = form_of(superuser, page_of(user))
    form.pop("is_active")
    superuser.post(page_of(user), form)
    superuser.post(page_of(user), form | {"is_active": "on"})

    assert User.objects.get(pk=user.pk).is_active
    assert not Session.objects.live().exists()
    assert member.get("/api/v1/users/me").status_code == 401


def test_staff_see_where_a_user_is_signed_in(superuser, sign_in, user):
    sign_in(**{"User-Agent": "<b>Firefox</b>"})
    page = superuser.get(page_of(user)).content.decode()

    assert "127.0.0.1" in page
    assert "&lt;b&gt;Firefox&lt;/b&gt;" in page


@pytest.mark.parametrize("several", [True, False])
def test_staff_delete_users_with_their_sessions(superuser, user, member, several):
    address = LIST if several else page_of(user, "accounts_user_delete")
    chosen = {"action": "delete_selected", "_selected_action": [user.pk]} if several else {}

    superuser.post(address, {"post": "yes", **chosen})

    assert not User.objects.filter(pk=user.pk).exists()
    assert member.get("/api/v1/users/me").status_code == 401


def test_a_user_deleted_meanwhile_is_not_brought_back(superuser, user):
    form = form_of(superuser, page_of(user))
    user.delete()

    assert superuser.post(page_of(user), form).status_code == 302
    assert not User.objects.filter(email="test@example.com").exists()


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
        {"created_at__gte": "\0"},
        {"created_at__gte": "not a date"},
        {"e": "1"},
    ],
)
def test_a_question_that_makes_no_sense_is_no_error_of_ours(superuser, query):
    assert superuser.get(LIST, query, follow=True).status_code in (200, 400)


@pytest.mark.parametrize("key", ["x", "9" * 40, "%00", "_00", "-1", "1.5", "%ff"])
def test_a_user_that_cannot_be_is_not_found(superuser, key):
    answer = superuser.get(f"{LIST}{key}/change/")

    assert answer.status_code in (302, 404)
    assert superuser.get(f"{LIST}{key}/password/").status_code == 404


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
