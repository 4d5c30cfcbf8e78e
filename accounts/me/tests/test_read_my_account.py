import pytest

URL = "/api/v1/users/me"
pytestmark = pytest.mark.django_db


def test_a_member_reads_their_account(member, user):
    answer = member.get(URL)

    assert answer.status_code == 200
    assert answer.json() == {
        "id": user.pk,
        "email": "test@example.com",
        "full_name": "Test User",
        "is_active": True,
        "email_verified": False,
        "created_at": user.created_at.isoformat().replace("+00:00", "Z"),
        "updated_at": user.updated_at.isoformat().replace("+00:00", "Z"),
    }
    assert answer.headers["Cache-Control"] == "no-store"


def test_reading_takes_one_query(member, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert member.get(URL).status_code == 200


def test_a_head_is_a_get_without_its_body(member):
    answer = member.head(f"{URL}/")

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic dGVzdDp0ZXN0"}])
@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_a_stranger_is_refused(client, user, method, headers):
    answer = getattr(client, method)(URL, headers=headers)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["code"] == "not_authenticated"


@pytest.mark.parametrize("method", ["post", "put"])
def test_another_method_is_not_allowed(member, method):
    answer = getattr(member, method)(URL, {})

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, PATCH, DELETE, HEAD, OPTIONS"
    assert answer.json()["detail"] == "This method is not allowed here."


def test_options_names_the_methods_and_nothing_else(member):
    answer = member.options(URL)

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Allow"] == "GET, PATCH, DELETE, HEAD, OPTIONS"


@pytest.mark.parametrize("question", [{"format": "xml"}, {"format": "api"}, {"format": ""}])
def test_the_answer_is_json_whatever_was_asked_for(member, question):
    answer = member.get(URL, question, headers={"Accept": "text/html"})

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
