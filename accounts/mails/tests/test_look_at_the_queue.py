"""What staff see of the mails: all but to whom, and nothing to change."""

import pytest
from django.urls import reverse
from django_tasks_db.models import DBTaskResult

from accounts.users.models import User

LIST = reverse("admin:django_tasks_database_dbtaskresult_changelist")
pytestmark = pytest.mark.django_db


@pytest.fixture
def mail(member, superuser):
    """The notice of an account that was deleted."""
    member.delete("/api/v1/users/me")
    return DBTaskResult.objects.get()


def test_staff_see_what_waits_and_why(superuser, mail):
    DBTaskResult.objects.update(exception_class_path="smtplib.SMTPDataError", worker_ids=["a", "b"])

    page = superuser.get(LIST).content.decode()

    assert "send account_deleted" in page
    assert "smtplib.SMTPDataError" in page
    assert "test@example.com" not in page
    shown = superuser.get(
        reverse("admin:django_tasks_database_dbtaskresult_change", args=[mail.pk])
    )
    assert "test@example.com" not in shown.content.decode()
    assert "send account_deleted" in shown.content.decode()


def test_the_queue_is_filtered_by_status(superuser, mail):
    def found(status: str) -> int:
        return superuser.get(LIST, {"status__exact": status}).context["cl"].queryset.count()

    assert (found("READY"), found("FAILED")) == (1, 0)


@pytest.mark.parametrize(
    "query",
    ["status__regex=(", "q=%25", "status__exact=x", "p=99", "o=9.9", "e=1", "args_kwargs__x=1"],
)
def test_no_question_is_an_error_of_ours(superuser, mail, query):
    assert superuser.get(f"{LIST}?{query}").status_code < 500


def test_nobody_changes_a_mail(superuser, mail):
    page = reverse("admin:django_tasks_database_dbtaskresult_change", args=[mail.pk])
    delete = reverse("admin:django_tasks_database_dbtaskresult_delete", args=[mail.pk])

    assert superuser.post(page, {"status": "FAILED"}).status_code == 403
    assert superuser.post(delete, {"post": "yes"}).status_code == 403
    assert DBTaskResult.objects.get().status == "READY"


def test_staff_without_permission_see_no_mail(staff, member):
    member.delete("/api/v1/users/me")

    assert staff("view").get(LIST).status_code == 403
    assert User.objects.count() == 1
