"""How staff sign people out in the admin."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.sessions.models import Session
from accounts.staff.tests.test_look_after_users import LIST, form_of, page_of
from accounts.users.models import User

ME = "/api/v1/users/me"
pytestmark = pytest.mark.django_db


def act(browser, action: str, *users: User):
    chosen = {"action": action, "_selected_action": [user.pk for user in users]}
    return browser.post(LIST, chosen, follow=True)


def ending(browser, user: User, *sessions: Session) -> dict[str, str]:
    """Return the form of the user's page with the boxes of these sessions ticked."""
    rows = list(user.sessions.live().order_by("-last_used_at"))
    form = form_of(browser, page_of(user))
    form |= {"sessions-TOTAL_FORMS": str(len(rows)), "sessions-INITIAL_FORMS": str(len(rows))}
    for row, session in enumerate(rows):
        form |= {f"sessions-{row}-id": str(session.pk), f"sessions-{row}-user": str(user.pk)}
        if session in sessions:
            form[f"sessions-{row}-end"] = "on"
    return form


def test_staff_end_one_session_on_the_page_of_the_user(staff, sign_in, user):
    phone, laptop = sign_in(), sign_in()
    oldest = Session.objects.order_by("created_at").first()
    browser = staff("view", "change")

    answer = browser.post(page_of(user), ending(browser, user, oldest))

    assert answer.status_code == 302
    assert (phone.get(ME).status_code, laptop.get(ME).status_code) == (401, 200)


def test_a_session_that_ended_meanwhile_does_not_get_in_the_way(superuser, member, user):
    form = ending(superuser, user, *user.sessions.all()) | {"full_name": "Changed"}
    member.post("/api/v1/auth/signout", {})

    assert superuser.post(page_of(user), form).status_code == 302
    assert User.objects.get(pk=user.pk).full_name == "Changed"


def test_a_session_of_another_user_cannot_be_ended_here(superuser, member, user):
    other = User.objects.create_user("other@example.com", "testpassword123")
    form = ending(superuser, user, *user.sessions.all())

    superuser.post(
        page_of(other),
        form_of(superuser, page_of(other))
        | {key: value for key, value in form.items() if key.startswith("sessions")},
    )

    assert member.get(ME).status_code == 200


def test_staff_sign_people_out_everywhere(staff, client, sign_in, user, test_user_data):
    phone, laptop = sign_in(), sign_in()

    answer = act(staff("view", "change"), "sign_out_everywhere", user)

    assert "2 sessions ended." in answer.content.decode()
    assert (phone.get(ME).status_code, laptop.get(ME).status_code) == (401, 401)
    assert client.post("/api/v1/auth/signin", test_user_data).status_code == 200


def test_staff_deactivate_people_and_sign_them_out(staff, client, member, user, test_user_data):
    answer = act(staff("view", "change"), "deactivate_and_sign_out", user)

    assert "1 users deactivated." in answer.content.decode()
    assert member.get(ME).status_code == 401
    assert not Session.objects.live().exists()
    assert client.post("/api/v1/auth/signin", test_user_data).status_code == 403


@pytest.mark.parametrize("action", ["sign_out_everywhere", "deactivate_and_sign_out"])
def test_staff_who_may_only_view_cannot_sign_people_out(staff, member, user, action):
    act(staff("view"), action, user)

    assert member.get(ME).status_code == 200


@pytest.mark.parametrize("action", ["sign_out_everywhere", "deactivate_and_sign_out"])
def test_only_superusers_sign_superusers_out(staff, member, user, action):
    User.objects.filter(pk=user.pk).update(is_superuser=True)
    browser = staff("view", "change")

    act(browser, action, user)
    assert browser.post(page_of(user), {"sessions-0-end": "on"}).status_code == 403

    assert member.get(ME).status_code == 200
    assert User.objects.get(pk=user.pk).is_active


def test_staff_who_may_only_view_see_no_checkbox(staff, member, user):
    page = staff("view").get(page_of(user)).content.decode()

    assert "127.0.0.1" in page
    assert "sessions-0-end" not in page
    assert reverse("admin:logout") in page


@pytest.fixture
def sign_in_on(user):
    """Give the user this many live sessions, the first one used last."""

    def sign_in_on(number: int) -> list[Session]:
        now = timezone.now()
        return Session.objects.bulk_create(
            Session(
                user=user,
                created_at=now,
                last_used_at=now - timedelta(minutes=minutes),
                expires_at=now + timedelta(days=1),
                user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                device="Firefox on Linux",
            )
            for minutes in range(number)
        )

    return sign_in_on


def whole_form(browser, address: str) -> dict[str, str]:
    """Return every field of the page as a browser sends it, hidden ones too."""
    content = browser.get(address).content.decode()
    inline = re.findall(r'<input type="hidden" name="(sessions-[^"]+)" value="([^"]*)"', content)
    return form_of(browser, address) | dict(inline)


@pytest.mark.parametrize("number", [50, 51, 600])
def test_a_user_of_many_sessions_is_saved_and_the_newest_are_ended(
    superuser, user, sign_in_on, number
):
    newest, *_, oldest = sign_in_on(number)
    page = superuser.get(page_of(user)).content.decode()
    form = whole_form(superuser, page_of(user)) | {"full_name": "Changed", "sessions-0-end": "on"}

    answer = superuser.post(page_of(user), form)

    assert answer.status_code == 302
    assert User.objects.get(pk=user.pk).full_name == "Changed"
    assert form["sessions-TOTAL_FORMS"] == "50"
    assert set(Session.objects.exclude(revoked_at=None)) == {newest}
    assert (str(oldest.pk) in page) is (number == 50)
    assert (f"the 50 used last of {number}; “Sign out everywhere”" in page) is (number > 50)


def test_a_page_of_many_sessions_stays_small(
    superuser, user, sign_in_on, django_assert_max_num_queries
):
    sign_in_on(2000)

    with django_assert_max_num_queries(20):
        page = superuser.get(page_of(user))

    assert len(page.content) < 150_000


@pytest.mark.parametrize("key", ["", "x", "\0", "9" * 40, "00000000-0000-0000-0000-000000000000"])
def test_a_session_that_cannot_be_is_no_error_of_ours(superuser, user, sign_in_on, key):
    sign_in_on(1)
    form = whole_form(superuser, page_of(user)) | {"sessions-0-id": key, "sessions-0-end": "on"}

    assert superuser.post(page_of(user), form).status_code == 200
    assert Session.objects.live().count() == 1


def test_each_box_says_which_session_it_ends(superuser, user, sign_in_on):
    sign_in_on(2)

    boxes = re.findall(r"<input type=\"checkbox\"[^>]*-end\"[^>]*>", page_text(superuser, user))

    assert len(boxes) == 2
    assert all('aria-label="End the session on Firefox on Linux"' in box for box in boxes)


def page_text(browser, user: User) -> str:
    return browser.get(page_of(user)).content.decode()


@pytest.mark.parametrize("permissions", [("view",), ("view", "change", "delete")])
def test_only_superusers_see_where_superusers_are_signed_in(
    staff, superuser, sign_in, user, permissions
):
    sign_in(User_Agent="canary/1.0")
    browser = staff(*permissions)
    browsers = (browser, superuser)

    def shown() -> list[bool]:
        return ["canary" in one.get(page_of(user)).content.decode() for one in browsers]

    assert shown() == [True, True]
    User.objects.filter(pk=user.pk).update(is_superuser=True)
    assert shown() == [False, True]
    session = Session.objects.get()
    named = {"sessions-TOTAL_FORMS": "1", "sessions-INITIAL_FORMS": "1", "sessions-0-end": "on"}
    named |= {"sessions-0-id": str(session.pk), "sessions-0-user": str(user.pk)}
    assert browser.post(page_of(user), named).status_code == 403
    assert session.is_still_live()
