"""Staff may read the audit log and change nothing in it."""

from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from accounts.actors.actor import Actor
from accounts.conftest import sign_in_as
from accounts.events.models import Event, EventName
from accounts.staff import lists
from accounts.staff.tests.test_look_after_users import page_of
from accounts.users.models import User

LIST = reverse("admin:accounts_event_changelist")
pytestmark = pytest.mark.django_db


@pytest.fixture
def event(user):
    client = Actor("192.0.2.7", "curl/8", "request-0123456789")
    Event.objects.record(EventName.SIGNIN_FAILED, client, user.pk, reason="wrong_password")
    return Event.objects.latest("id")


@pytest.fixture
def other_event(event):
    Event.objects.record(EventName.SIGNOUT, Actor("2001:db8::7"), 4_000_000)
    return Event.objects.latest("id")


def shown(browser, **query: str) -> set[int]:
    answer = browser.get(LIST, query)
    assert answer.status_code == 200
    return set(answer.context["cl"].queryset.values_list("pk", flat=True))


@pytest.mark.parametrize("search", ["test@example.com", " TEST@Example.com ", "192.0.2.7", "user"])
def test_a_search_finds_a_person_or_an_address(superuser, event, other_event, user, search):
    term = str(user.pk) if search == "user" else search

    assert shown(superuser, q=term) == {event.pk}


@pytest.mark.parametrize("search", ["2001:DB8:0::7", "4000000"])
def test_a_search_finds_deleted_people_and_any_spelling(superuser, other_event, search):
    assert shown(superuser, q=search) == {other_event.pk}


def test_a_search_finds_the_newest_of_many(superuser, event, user, monkeypatch):
    monkeypatch.setattr(lists, "LONGEST_SEARCH", 2)
    for acted in (Actor(), Actor(), Actor(staff_id=user.pk)):
        Event.objects.record(EventName.SIGNOUT, acted, user.pk if not acted.staff_id else None)
    *_, second, third = Event.objects.order_by("id").values_list("pk", flat=True)

    assert shown(superuser, q=user.email) == {second - 1, second, third}


@pytest.mark.parametrize(
    "search",
    ["nobody@example.com", "192.0.2", "%", "0", "'; --", "9" * 18, "9" * 40, "9" * 5000],
    ids=lambda search: search[:20],
)
def test_a_search_for_nothing_finds_nothing(superuser, event, search):
    assert shown(superuser, q=search) == set()


def test_the_log_is_filtered_by_name_and_time(superuser, event, other_event):
    three_days_ago = timezone.now() - timedelta(days=3)
    Event.objects.filter(pk=other_event.pk).update(created_at=three_days_ago)
    today = f"{timezone.now():%Y-%m-%d} 00:00:00+00:00"

    assert other_event.pk in shown(superuser, name="signout")
    assert event.pk not in shown(superuser, name="signout")
    assert event.pk in shown(superuser, created_at__gte=today)
    assert other_event.pk not in shown(superuser, created_at__gte=today)


def test_an_event_is_shown_with_all_it_holds(superuser, event, user):
    page = superuser.get(reverse("admin:accounts_event_change", args=[event.pk])).content.decode()

    for part in (user.email, page_of(user), "192.0.2.7", "curl/8", "request-0123456789"):
        assert part in page
    assert "reason: &quot;wrong_password&quot;" in page


def test_staff_cannot_add_change_or_delete_events(superuser, event):
    page = reverse("admin:accounts_event_change", args=[event.pk])

    assert superuser.get(reverse("admin:accounts_event_add")).status_code == 403
    assert superuser.post(page, {"name": "signout"}).status_code == 403
    delete = reverse("admin:accounts_event_delete", args=[event.pk])
    assert superuser.post(delete, {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [event.pk], "post": "yes"}
    superuser.post(LIST, chosen)
    assert Event.objects.filter(pk=event.pk).values("name").get() == {"name": "signin_failed"}


def test_only_staff_with_the_permission_see_the_log(staff, event):
    assert staff("view", "change", "delete").get(LIST).status_code == 403

    person = User.objects.get(email="staff@example.com")
    person.user_permissions.add(Permission.objects.get(codename="view_event"))
    assert shown(sign_in_as(person)) == {event.pk}


def test_the_history_of_a_user_is_in_the_log(superuser, event, user):
    history = page_of(user, "accounts_user_history")

    answer = superuser.get(history)

    assert (answer.status_code, answer.headers["Location"]) == (302, f"{LIST}?q={user.pk}")


def test_events_are_purged_after_400_days(event):
    with time_machine.travel(timezone.now() + timedelta(days=400, minutes=-1)):
        call_command("purge", stdout=StringIO())
        assert Event.objects.exists()
    with time_machine.travel(timezone.now() + timedelta(days=400, minutes=1)):
        output = StringIO()
        call_command("purge", stdout=output)

    assert "1 events purged.\n" in output.getvalue()
    assert not Event.objects.exists()


@pytest.fixture
def auditor(db):
    """A browser of a staff member who may read the log and is no superuser."""
    person = User.objects.create_user("auditor@example.com", "securepassword123", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename="view_event"))
    return sign_in_as(person)


def test_only_superusers_see_the_events_of_superusers(auditor, superuser, event, user):
    root = User.objects.get(email="root@example.com")
    at_home = Actor("203.0.113.9", "canary/1.0")
    Event.objects.record(EventName.SIGNIN_SUCCEEDED, at_home, root.pk, admin=True)
    own = Event.objects.latest("id")
    by_root = at_home._replace(by="staff", staff_id=root.pk)
    Event.objects.record(EventName.GROUP_CHANGED, by_root, group="helpers", act="added")
    without_user = Event.objects.latest("id")
    Event.objects.record(EventName.ACCOUNT_DEACTIVATED, by_root, user.pk)
    of_user = Event.objects.latest("id")

    assert shown(auditor) >= {event.pk, of_user.pk}
    assert not shown(auditor) & {own.pk, without_user.pk}
    for search in (root.email, str(root.pk), "203.0.113.9"):
        assert not shown(auditor, q=search) & {own.pk, without_user.pk}
    for hidden in (own, without_user):
        page = reverse("admin:accounts_event_change", args=[hidden.pk])
        assert auditor.get(page).status_code == 302
        assert superuser.get(page).status_code == 200
    assert shown(superuser) >= {event.pk, own.pk, without_user.pk, of_user.pk}
