"""A separate server on the tests' database, and people who each send one request."""

import pytest
from django.db import connection

from accounts.conftest import Node, postgresql_url

RATES = ("SIGNIN_RATE_ACCOUNT_NETWORK", "SIGNIN_RATE_ACCOUNT", "SIGNIN_RATE_NETWORK")
RATES += ("PASSWORD_RATE_ACCOUNT", "REAUTHENTICATION_RATE_ACCOUNT")
RATES += ("SIGNUP_RATE_NETWORK", "MAIL_RATE_NETWORK", "MAIL_RATE_ACCOUNT")


class CheapNode(Node):
    config = "python:tests.schema.server"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory, django_db_modify_db_settings_parallel_suffix):
    """Put SQLite's database into a file, where the server finds it too."""
    if connection.vendor == "sqlite":
        file = tmp_path_factory.mktemp("database") / "app.db"
        connection.settings_dict["TEST"]["NAME"] = str(file)


@pytest.fixture(scope="session")
def server(django_db_setup, tmp_path_factory):
    """Start a production server, and return where it is."""
    name = connection.settings_dict["NAME"]
    is_sqlite = connection.vendor == "sqlite"
    node = CheapNode(
        **dict.fromkeys(RATES, "1000000/1m"),
        ENVIRONMENT="production",
        ALLOWED_HOSTS="127.0.0.1",
        DATABASE_URL=f"sqlite:///{name}" if is_sqlite else postgresql_url(name),
        EMAIL_URL=f"file://{tmp_path_factory.mktemp('mails')}",
        EMAIL_FROM="accounts@example.com",
    )
    yield f"http://127.0.0.1:{node.port}"
    node.stop()
