"""Staff manage users in the admin, within their permissions."""

import re

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from accounts.actors.actor import COMMAND
from accounts.conftest import sign_in_as
from accounts.errors import InvalidToken
from accounts.passwords import flows as passwords
from accounts.sessions.models import Session
from accounts.staff.passwords import OwnPasswordForm
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


def test_after_a_refused_save_the_page_still_names_its_user(superuser, user):
    form = form_of(superuser, page_of(user)) | {"email": "ROOT@example.com", "full_name": "Typed"}

    answer = superuser.post(page_of(user), form)

    assert answer.status_code == 200
    page = " ".join(answer.content.decode().split())
    assert "<title>Error: test@example.com | Change user" in page
    assert "<h2>test@example.com</h2>" in page
    (breadcrumbs,) = re.findall(r'<div class="breadcrumbs">(.*?)</div>', page)
    assert breadcrumbs.endswith("test@example.com ")
    assert 'value="root@example.com"' in page.lower()  # What was typed is still in its field.
    assert User.objects.get(pk=user.pk).email == "test@example.com"


def test_after_a_refused_save_of_a_group_its_page_names_it_still(superuser):
    group, _ = Group.objects.create(name="Support"), Group.objects.create(name="Sales")

    answer = superuser.post(
        reverse("admin:auth_group_change", args=[group.pk]), {"name": "Sales", "permissions": []}
    )

    assert answer.status_code == 200
    assert "<h2>Support</h2>" in answer.content.decode()


def test_staff_are_offered_no_link_to_what_they_may_not_do(staff, superuser, user):
    root = User.objects.get(is_superuser=True)
    links = ("/password/", "/history/")
    assert all(link in superuser.get(page_of(root)).content.decode() for link in links)
    support = staff("view", "change")
    on_a_person = support.get(page_of(user)).content.decode()
    assert "/password/" in on_a_person
    assert "/history/" not in on_a_person
    page = support.get(page_of(root)).content.decode()
    assert not [link for link in links if link in page]


def test_staff_who_may_add_but_not_change_users_get_no_page_to_add_one(staff):
    browser = staff("view", "add")

    assert ADD not in browser.get(LIST).content.decode()
    assert browser.get(ADD).status_code == 403


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


def test_a_superuser_who_sets_their_password_stays_signed_in(superuser):
    root = User.objects.get()
    strong = dict.fromkeys(("password1", "password2"), "anotherpassword123")

    superuser.post(page_of(root, "auth_user_password_change"), strong)

    assert superuser.get(LIST).status_code == 200


def test_deactivating_a_user_ends_the_sessions_for_good(superuser, user, member):
    form = form_of(superuser, page_of(user))
    form.pop("is_active")
    superuser.post(page_of(user), form)
    superuser.post(page_of(user), form_of(superuser, page_of(user)) | {"is_active": "on"})

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


def test_a_stale_page_undoes_no_later_change(superuser, user):
    form = form_of(superuser, page_of(user)) | {"full_name": "Changed"}
    again = form_of(superuser, page_of(user))
    again.pop("is_active")
    superuser.post(page_of(user), again)

    answer = superuser.post(page_of(user), form)

    assert answer.status_code == 200
    (said,) = answer.context["adminform"].form.non_field_errors()
    assert said == (
        'This user was changed since you opened the page. <a href="">Open the page again</a>'
        " and repeat your changes."
    )
    assert said in answer.content.decode()
    unchanged = User.objects.get(pk=user.pk)
    assert (unchanged.is_active, unchanged.full_name) == (False, "Test User")


def test_changing_the_password_in_the_admin_ends_the_sessions_and_writes_nothing_else(
    client, test_user_data
):
    root = User.objects.create_superuser("test@example.com", test_user_data["password"])
    browser = sign_in_as(root)
    tokens = client.post("/api/v1/auth/signin", test_user_data).json()
    own = reverse("admin:password_change")
    new = dict.fromkeys(("new_password1", "new_password2"), "anotherpassword123")

    assert browser.post(own, {"old_password": "wrong", **new}).status_code == 200
    assert User.objects.get().password == root.password
    answer = browser.post(own, {"old_password": test_user_data["password"], **new})

    assert answer.status_code == 302
    assert User.objects.get().check_password("anotherpassword123")
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert client.get("/api/v1/users/me", headers=headers).status_code == 401
    assert browser.get(LIST).status_code == 200


def test_the_holder_of_the_cookie_cannot_guess_the_password():
    browser = sign_in_as(User.objects.create_superuser("root@example.com", "securepassword123"))
    own = reverse("admin:password_change")
    new = dict.fromkeys(("new_password1", "new_password2"), "anotherpassword123")

    guesses = [browser.post(own, {"old_password": "wrong", **new}) for _ in range(6)]

    assert [guess.status_code for guess in guesses] == [200] * 5 + [429]
    assert browser.post(own, {"old_password": "securepassword123", **new}).status_code == 429


def test_a_stale_password_cannot_set_a_new_one_in_the_admin(superuser):
    root = User.objects.get()
    new = dict.fromkeys(("new_password1", "new_password2"), "thiefspassword1")
    form = OwnPasswordForm(root, {"old_password": "securepassword123", **new}, actor=COMMAND)
    assert form.is_valid()
    passwords.set_by_staff(User.objects.get(), "ownerspassword1", COMMAND)

    with pytest.raises(InvalidToken):
        form.save()
    assert User.objects.get().check_password("ownerspassword1")


def test_looking_at_a_user_locks_nothing(superuser, user, django_assert_max_num_queries):
    with django_assert_max_num_queries(20) as queries:
        superuser.get(page_of(user))

    sent = " ".join(query["sql"] for query in queries)
    assert "FOR UPDATE" not in sent
    assert "SAVEPOINT" not in sent
