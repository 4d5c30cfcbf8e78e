"""Permissions in the API: the tests try each row of the tables in docs/security.md."""

import pytest
from django.contrib.auth.models import Group

from accounts.tests import contract
from accounts.tests.tables import FIELDS, NEVER, names, routes, row_of, table
from accounts.users.models import User

pytestmark = pytest.mark.django_db
ME = "/api/v1/users/me"


def operations() -> list[str]:
    """Return the method and the path of each operation of the API."""
    return [
        f"{method.upper()} {path}"
        for path, pattern in routes()
        for method in getattr(pattern.callback, "actions", {})
        if method not in ("head", "options")
    ]


def fields_of(operation: str) -> list[str]:
    """Return the members of the body and of the query that the schema names."""
    method, path = operation.split()
    described = contract.schema()["paths"][path][method.lower()]
    found = [item["name"] for item in described.get("parameters", []) if item["in"] == "query"]
    if "requestBody" in described:
        reference = described["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        component = contract.schema()["components"]["schemas"][reference.rpartition("/")[2]]
        found += component["properties"]
    return found


OPERATIONS = {names(row[0])[0]: row for row in table("The API")}


def test_the_table_names_every_operation_of_the_api():
    assert sorted(OPERATIONS) == sorted(operations())


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_table_names_every_field_that_an_operation_takes(operation):
    assert sorted(names(OPERATIONS[operation][3])) == sorted(fields_of(operation))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_stranger_is_let_in_only_where_the_table_says_so(client, user, operation):
    method, path = operation.split()
    path = path.replace("{id}", "15811b57-a172-47dc-99ba-0896ae884b36")
    before = User.objects.values().get()

    answer = getattr(client, method.lower())(path, {} if method != "GET" else None)

    if OPERATIONS[operation][1] == "no":
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    else:
        assert (answer.status_code, answer.json()["type"]) == (400, "validation_error")
    assert User.objects.values().get() == before


def test_every_other_path_is_in_the_table():
    others = [
        path
        for path, pattern in routes()
        if not hasattr(pattern.callback, "actions") and not path.startswith("/admin/")
    ]
    assert sorted({path for row in table("Everything else") for path in names(row[0])}) == sorted(
        set(others)
    )


def test_the_table_names_every_field_of_an_account():
    stored = {field.name for field in (*User._meta.concrete_fields, *User._meta.many_to_many)}
    assert sorted(FIELDS) == sorted(stored)
    written = {name for name, row in FIELDS.items() if "writes" in row[0]}
    assert written == stored - set(NEVER)


def test_the_owner_reads_only_the_fields_in_the_table(member):
    read = {name for name, row in FIELDS.items() if "reads" in row[0]}

    shown = {name.replace("_verified", "_verified_at") for name in member.get(ME).json()}

    assert shown == read


@pytest.mark.parametrize("path", [ME, f"{ME}/change-password", f"{ME}/change-email"])
def test_json_never_changes_what_the_owner_may_only_read(member, user, path):
    Group.objects.create(name="helpers")
    before = row_of(user)
    wanted = {
        ME: {"full_name": "Ana"},
        f"{ME}/change-password": {
            "current_password": "testpassword123",
            "new_password": "x7-fourq-and-more",
        },
        f"{ME}/change-email": {"new_email": "ana@example.com"},
    }[path]
    changed = {ME: {"full_name"}, f"{ME}/change-password": {"password"}}.get(path, set())

    answer = (member.patch if path == ME else member.post)(path, NEVER | wanted)

    assert answer.status_code in (200, 202), answer.content
    after = row_of(user)
    allowed = changed | ({"updated_at"} if changed else set())
    assert {name for name in before if before[name] != after[name]} == allowed
    assert after["updated_at"].year > 2020


def test_json_gives_a_new_account_nothing_but_what_it_takes(client, db):
    sent = NEVER | {"email": "ana@example.com", "password": "x7-fourq"}

    assert client.post("/api/v1/auth/signup", sent).status_code == 201

    row = row_of(User.objects.get())
    assert (row["is_active"], row["is_staff"], row["is_superuser"]) == (True, False, False)
    assert row["id"] != NEVER["id"]
    assert row["created_at"].year > 2020
    assert (row["email_verified_at"], row["groups"], row["permissions"]) == (None, [], [])
