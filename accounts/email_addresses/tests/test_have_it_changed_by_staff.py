"""Staff have the last word: their changes void open links, and both mailboxes are told."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from accounts.actors.actor import Actor
from accounts.links.models import Link, Purpose
from accounts.outbox import flows as outbox
from accounts.passwords.tests.test_reset_the_password import assert_refused
from accounts.staff.tests.test_look_after_sessions_of_users import act
from accounts.staff.tests.test_look_after_users import form_of, page_of
from accounts.users.models import User

CHANGE = "/api/v1/users/me/change-email"
CONFIRM = "/api/v1/auth/confirm-email-change"
pytestmark = pytest.mark.django_db


def edit(browser, user: User, **fields: str):
    return browser.post(page_of(user), form_of(browser, page_of(user)) | fields)


def deactivate(browser, user: User) -> None:
    form = form_of(browser, page_of(user))
    form.pop("is_active")
    browser.post(page_of(user), form)


def set_password(browser, user: User) -> None:
    passwords = dict.fromkeys(("password1", "password2"), "anotherpassword123")
    address = page_of(user, "auth_user_password_change")
    browser.post(address, passwords | {"usable_password": "true"})


def end_sessions(browser, user: User) -> None:
    call_command("end_sessions", "--user", user.email, stdout=StringIO())


@pytest.fixture
def links(user):
    """Give the user a link of each purpose."""
    for purpose in Purpose:
        outbox.send_link(user, purpose, Actor(), email=f"{purpose}@example.com")


def purposes(user: User) -> set[str]:
    return set(user.links.values_list("purpose", flat=True))


@pytest.mark.parametrize(
    ("do", "left"),
    [
        (lambda browser, user: edit(browser, user, email="owner@example.com"), set()),
        (lambda browser, user: edit(browser, user, full_name="Ana"), set(Purpose)),
        (deactivate, set()),
        (lambda browser, user: act(browser, "deactivate_and_sign_out", user), set()),
        (lambda browser, user: act(browser, "sign_out_everywhere", user), {Purpose.UNDO}),
        (set_password, {Purpose.UNDO}),
        (end_sessions, {Purpose.UNDO}),
    ],
    ids=["address", "name", "deactivate", "deactivate several", "sign out", "password", "command"],
)
def test_staff_actions_void_links(superuser, user, links, do, left):
    other = User.objects.create_user("other@example.com", "testpassword123")
    outbox.send_link(other, Purpose.RESET, Actor())

    do(superuser, user)

    assert purposes(user) == left
    assert purposes(other) == {Purpose.RESET}


def test_a_link_the_thief_requested_earlier_is_void(client, superuser, member, user, mailed):
    member.post(CHANGE, {"new_email": "thief@example.com"})
    token = mailed("thief@example.com")

    edit(superuser, user, email="owner@example.com")

    assert_refused(client.post(CONFIRM, {"token": token}))
    assert User.objects.get(pk=user.pk).email == "owner@example.com"


def test_both_mailboxes_are_told_and_neither_gets_a_link(superuser, user, proven, deliver):
    edit(superuser, user, email="owner@example.com")

    messages = {message.to[0]: message for message in deliver()}
    assert set(messages) == {"test@example.com", "owner@example.com"}
    for message in messages.values():
        assert message.subject == "Your email address was changed"
        assert "#token=" not in message.body
    assert "belongs to another address (o…@e…)." in messages["test@example.com"].body
    assert "belongs to owner@example.com." in messages["owner@example.com"].body


def test_a_mailbox_that_was_never_proven_is_not_told_the_new_address(superuser, user, deliver):
    edit(superuser, user, email="owner@example.com")

    assert [message.to for message in deliver()] == [["owner@example.com"]]


def test_another_spelling_is_no_other_address(superuser, user, proven, links, deliver):
    sent = len(deliver())

    edit(superuser, user, email=" TEST@Example.com", full_name="Ana")

    assert User.objects.get(full_name="Ana").email_verified
    assert purposes(user) == set(Purpose)
    assert len(deliver()) == sent


def test_an_account_that_waits_for_approval_keeps_its_link(superuser, user, links):
    User.objects.filter(pk=user.pk).update(is_active=False)

    edit(superuser, user, full_name="Ana")

    assert Link.objects.count() == len(Purpose)


@pytest.mark.postgresql
def test_no_change_that_is_asked_for_beside_a_sign_out_survives_it(race, superuser, sign_in, user):
    several = {"action": "sign_out_everywhere", "_selected_action": [user.pk]}
    for number in range(15):
        thief = sign_in()
        body = {"new_email": f"thief{number}@example.com"}
        race(
            lambda: thief.post(CHANGE, body, REMOTE_ADDR=f"192.0.2.{number}"),
            lambda: superuser.post(reverse("admin:accounts_user_changelist"), several),
        )
        assert not Link.objects.exists()
