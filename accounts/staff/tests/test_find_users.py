"""How staff find a person among many."""

from typing import Any

import pytest
from django.urls import reverse

from accounts.staff import lists
from accounts.users.models import User

LIST = reverse("admin:accounts_user_changelist")
pytestmark = pytest.mark.django_db


@pytest.fixture
def people(superuser):
    """Make people and return their email addresses."""

    def people(*emails: str) -> list[str]:
        User.objects.bulk_create(User(email=email) for email in emails)
        return list(emails)

    return people


def found(browser, **query: Any) -> list[str]:
    answer = browser.get(LIST, query)
    assert answer.status_code == 200
    return [user.email for user in answer.context["cl"].result_list]


@pytest.mark.parametrize(
    "search", ["test@example.com", " TEST@ex", "te", "Test User", "test u", " TEST", "number"]
)
def test_a_user_is_found_by_the_start_of_the_email_address_or_the_name(superuser, user, search):
    term = str(user.pk) if search == "number" else search

    assert found(superuser, q=term) == ["test@example.com"]


@pytest.mark.parametrize(
    "search", ["example", "User", "est", "te%", "te_t", "0", "9" * 18, "9" * 40, "\u00e9", "'"]
)
def test_a_user_is_not_found_by_anything_else(superuser, user, search):
    assert found(superuser, q=search) == []


def test_an_address_is_found_in_any_spelling(superuser, people):
    (email,) = people("ana@xn--mnchen-3ya.example.com")

    assert found(superuser, q="Ana@M\u00fcnchen.example.com") == [email]


def test_a_search_is_filtered_and_sorted(superuser, people):
    emails = people("ana@example.com", "anton@example.com", "antonia@example.com")
    User.objects.filter(email=emails[0]).update(is_staff=True)

    assert found(superuser, q="an", is_staff__exact="1") == emails[:1]
    assert found(superuser, q="an", o="1") == emails
    assert found(superuser, q="an", o="-1") == emails[::-1]


def test_a_search_finds_the_first_of_many(superuser, people, monkeypatch):
    monkeypatch.setattr(lists, "LONGEST_SEARCH", 2)
    people("load-3@example.com", "load-1@example.com", "load-2@example.com")

    assert found(superuser, q="load", o="1") == ["load-1@example.com", "load-2@example.com"]


def test_lists_sort_only_by_indexed_columns(superuser, people):
    people("b@example.com", "a@example.com")
    User.objects.filter(email="b@example.com").update(full_name="Z", is_active=False)
    newest_first = ["a@example.com", "b@example.com", "root@example.com"]

    assert found(superuser, o="-1") == newest_first[::-1]
    for column in range(2, 6):
        assert found(superuser, o=column) == found(superuser, o=-column) == newest_first


def test_pages_end_where_they_would_cost_too_much(superuser, people, monkeypatch):
    monkeypatch.setattr(lists, "LONGEST_LIST", 200)
    people(*(f"load-{n}@example.com" for n in range(250)))

    page = superuser.get(LIST).content.decode()

    assert "\n200+ users" in page
    assert len(found(superuser, p=2)) == 100
    assert superuser.get(LIST, {"p": 3}).headers["Location"].endswith("?e=1")
    assert "\n61 users" in superuser.get(LIST, {"q": "load-2"}).content.decode()


def test_a_list_of_users_takes_one_count(superuser, user, django_assert_num_queries):
    def counts(**query: str) -> list[str]:
        with django_assert_num_queries(4) as queries:
            superuser.get(LIST, query)
        return [q["sql"] for q in queries if "COUNT" in q["sql"]]

    assert len(counts()) == len(counts(_facets="True", is_staff__exact="0")) == 1
    assert "LIMIT 10000" in counts()[0]


def test_an_action_on_everything_needs_a_list_that_ends(superuser, people, monkeypatch):
    monkeypatch.setattr(lists, "LONGEST_LIST", 3)
    people("ana@example.com", "anton@example.com", "zoe@example.com")
    action = {"action": "deactivate_and_sign_out", "select_across": "1", "_selected_action": "1"}

    page = superuser.post(LIST, action, follow=True).content.decode()

    assert "These are too many at once: search or filter first." in page
    assert not User.objects.filter(is_active=False).exists()

    superuser.post(f"{LIST}?q=an", action)
    assert set(User.objects.filter(is_active=False).values_list("email", flat=True)) == {
        "ana@example.com",
        "anton@example.com",
    }
