"""Staff see why a mail was not sent, no email address, and nothing to change."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.urls import reverse
from django_tasks_db.models import DBTaskResult

from accounts.actors.actor import Actor
from accounts.links.models import Link
from accounts.outbox import flows
from accounts.outbox.tests.test_send_what_is_queued import FORGOT, send_due, wait_no_longer
from accounts.users.models import User

LIST = reverse("admin:accounts_mail_changelist")
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mail(member, superuser):
    """The notice of an account that was deleted."""
    member.delete("/api/v1/users/me")
    return DBTaskResult.objects.get()


def test_staff_see_what_waits_and_not_to_whom_it_goes(superuser, mail):
    page = superuser.get(LIST).content.decode()

    assert "notice: account_deleted" in page
    assert "Not tried yet" in page
    assert "test@example.com" not in page
    shown = superuser.get(reverse("admin:accounts_mail_change", args=[mail.pk]))
    assert "test@example.com" not in shown.content.decode()
    assert "notice: account_deleted" in shown.content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "state=x",
        "state=new&state=x",
        "status__regex=(",
        "q=%25",
        "status__exact=x",
        "p=99",
        "o=9.9",
        "e=1",
        "args_kwargs__x=1",
    ],
)
def test_no_question_is_an_error_of_ours(superuser, mail, query):
    assert superuser.get(f"{LIST}?{query}").status_code < 500


def test_staff_cannot_change_mails(superuser, mail):
    page = reverse("admin:accounts_mail_change", args=[mail.pk])
    delete = reverse("admin:accounts_mail_delete", args=[mail.pk])

    assert superuser.post(page, {"status": "FAILED"}).status_code == 403
    assert superuser.post(delete, {"post": "yes"}).status_code == 403
    assert DBTaskResult.objects.get().status == "READY"


def test_staff_without_permission_see_no_mail(staff, member):
    member.delete("/api/v1/users/me")

    assert staff("view").get(LIST).status_code == 403
    assert User.objects.count() == 1


def test_staff_see_when_it_is_tried_again_and_what_the_server_said(refusing, superuser, user):
    mail = refusing("RCPT", "451 4.7.1 not now, <{address}>")
    wait_no_longer()
    send_due()
    mail.refresh_from_db()

    state = (
        f"Will be tried again at {mail.run_after:%H:%M:%S} UTC, after 2 attempts:"
        " 451 4.7.1 not now, &lt;…&gt;"
    )
    for page in (LIST, reverse("admin:accounts_mail_change", args=[mail.pk])):
        shown = superuser.get(page).content.decode()
        assert state in shown
        assert "notice: password_changed" in shown
        assert f'<a href="/admin/accounts/user/{user.pk}/change/">{user.pk}</a>' in shown
        assert user.email not in shown


def test_staff_see_why_a_mail_failed(refusing, superuser):
    refusing("RCPT", "550 5.1.1 no such user")

    shown = superuser.get(LIST).content.decode()
    assert "Failed, after 1 attempt: 550 5.1.1 no such user" in shown


def test_staff_see_the_user_of_a_link_while_it_is_good(client, superuser, user, server):
    client.post(FORGOT, {"email": user.email})
    send_due()
    link = f'<a href="/admin/accounts/user/{user.pk}/change/">{user.pk}</a>'
    shown = superuser.get(LIST).content.decode()
    assert "link: reset-password" in shown
    assert "request: reset-password" in shown
    assert shown.count(link) == 1
    assert user.email not in shown

    Link.objects.all().delete()
    shown = superuser.get(LIST).content.decode()
    assert "link: used or void by now" in shown
    assert link not in shown


def test_the_list_asks_for_all_links_of_its_mails_at_once(
    superuser, user, django_assert_max_num_queries
):
    for _ in range(20):
        flows.send_link(user, "undo-email-change", Actor())

    with django_assert_max_num_queries(8):
        assert superuser.get(LIST).content.decode().count("link: undo-email-change") == 20


def test_mails_are_filtered_by_their_state(refusing, superuser, user):
    refusing("RCPT", "451 not now")
    refusing("RCPT", "550 no")
    refusing("", "")
    flows.notify("password_changed", user, Actor())

    def found(state: str) -> int:
        return superuser.get(LIST, {"state": state}).context["cl"].queryset.count()

    states = ("new", "delayed", "running", "failed", "successful")
    assert [found(state) for state in states] == [1, 1, 0, 1, 1]


def test_a_mail_has_a_title(refusing, superuser):
    mail = refusing("", "")

    page = superuser.get(reverse("admin:accounts_mail_change", args=[mail.pk])).content.decode()
    assert f"<h2>notice: password_changed, {mail.enqueued_at:%Y-%m-%d %H:%M:%S} UTC</h2>" in page
    assert "DBTaskResult" not in page
    assert "Select mail to view" in superuser.get(LIST).content.decode()


def test_staff_who_could_view_tasks_can_view_mails_after_the_upgrade(staff, user, transactional_db):
    """The recipient that a failed attempt had stored is gone too."""
    flows.notify("password_changed", user, Actor())
    browser = staff()
    call_command("migrate", "accounts", "0006", verbosity=0)
    Permission.objects.filter(codename="view_mail").delete()
    group = Group.objects.create(name="Support")
    group.permissions.add(Permission.objects.get(codename="view_dbtaskresult"))
    User.objects.get(is_staff=True).groups.add(group)
    DBTaskResult.objects.update(traceback=f"SMTPRecipientsRefused: {user.email}")
    call_command("migrate", "accounts", verbosity=0)

    assert browser.get(LIST).status_code == 200
    assert DBTaskResult.objects.get().traceback == ""
