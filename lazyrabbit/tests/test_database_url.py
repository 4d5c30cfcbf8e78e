"""DATABASE_URL: wrong values are refused, and given parameters are used."""

from contextlib import closing

import pytest
from django.db import ConnectionHandler, connection
from environs import ValidationError

from accounts.conftest import postgresql_url
from lazyrabbit import databases
from lazyrabbit.environment import parse_database_url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "postgres://user:c4n4ry#x@localhost/accounts",
        "postgres://user:c4n4ry/x@localhost/accounts",
        "postgres://user:1/c4n4ry@localhost/accounts",
        "postgres://user:1/x?c4n4ry@localhost/accounts",
        "postgres://user:[c4n4ry@localhost/accounts",
        "postgres://user:c4n4ry@localhost:5432/",
        "postgres://user:c4n4ry@localhost",
        f"postgres://user:c4n4ry@localhost/{'n' * 64}",
        "postgres://user:c4n4ry%00@localhost/accounts",
        "postgres://user:c4n4ry\t@localhost/accounts",
        "postgres://localhost/accounts?pgbouncer=true",
        "postgres://localhost/accounts?pool=true",
        "postgres://localhost/accounts?answer_timeout=9",
        "postgres://localhost/accounts?conninfo=c4n4ry",
        "postgres://localhost/accounts?dbname=c4n4ry",
        "postgres://localhost/accounts?c4n4ry",
        "postgres://localhost/accounts?sslmode=require&sslmode=disable",
        "postgres://localhost/accounts?options=-c%20a%3Db&currentSchema=c",
        "postgres://localhost/accounts?connect_timeout=c4n4ry",
        "sqlite:///",
        "sqlite://:memory:",
        "sqlite:///file::memory:",
        "sqlite:///app.db?mode=ro",
        "sqlite:///app.db?timeout=20",
        "sqlite:///app.db#c4n4ry",
    ],
)
def test_a_url_that_cannot_be_right_is_refused_and_not_repeated(url):
    with pytest.raises(ValidationError) as refused:
        parse_database_url(url)

    assert "Expected " in str(refused.value)
    assert "c4n4ry" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "name", "password"),
    [
        ("postgres://u:p%40s%23s%2Fw%3F%25@h:5432/db", "db", "p@s#s/w?%"),
        ("postgresql://u:p@ss@h/a%2Fb%40c", "a/b@c", "p@ss"),
        ("postgres://%2Fvar%2Frun%2Fpostgresql/accounts", "accounts", ""),
        ("postgres://h/accounts?host=a,b&target_session_attrs=read-write", "accounts", ""),
        ("postgres:///?service=accounts", "", ""),
        ("sqlite:////srv/app%3F%23@1.db", "/srv/app?#@1.db", ""),
        ("sqlite:///./app.db", "./app.db", ""),
    ],
)
def test_a_database_that_is_named_right_is_found(url, name, password):
    database = parse_database_url(url)

    assert (database["NAME"], database["PASSWORD"]) == (name, password)


@pytest.fixture
def ask():
    """Ask the tests' PostgreSQL for a setting, over a URL with these parameters."""

    def ask(parameters: str, setting: str) -> str:
        url = f"{postgresql_url(connection.settings_dict['NAME'])}?{parameters}"
        database = databases.bounded(parse_database_url(url))
        other = ConnectionHandler({"default": database})["default"]
        with closing(other), other.cursor() as cursor:
            cursor.execute(f"SHOW {setting}")
            return cursor.fetchone()[0]

    return ask


@pytest.mark.postgresql
@pytest.mark.direct
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ("options=-c%20search_path%3Dpublic", "public"),
        ("currentSchema=pg_catalog", "pg_catalog"),
        ("application_name=accounts", '"$user", public'),
    ],
)
def test_parameters_of_the_database_leave_its_limits_as_they_are(ask, parameters, path):
    assert ask(parameters, "search_path") == path
    assert ask(parameters, "statement_timeout") == "3s"
    assert ask(parameters, "lock_timeout") == "2s"
    assert ask(parameters, "idle_in_transaction_session_timeout") == "10s"
