"""No secret is in a log, a row, an answer or the output."""

import json

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.users.models import User

V1 = "/api/v1"
ME = f"{V1}/users/me"
PASSWORDS = [f"c4n4ry-password-{number}" for number in range(6)]
FIRST, SECOND, THIRD, WRONG, WEAK_EMAIL, STAFF = PASSWORDS


def dump() -> str:
    """Return every row of every table, as text."""
    rows = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608 (its own name)
            rows += [str(row) for row in cursor.fetchall()]
    return "\n".join(rows)


class Lives:
    """A person and a member of staff who use the service with canaries, and all their answers."""

    def __init__(self, client) -> None:
        self.client, self.answers, self.tokens, self.statuses = client, [], [], set()

    def send(self, method: str, path: str, body=None, token: str | None = None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = getattr(self.client, method)(path, body, headers=headers)
        self.answers.append((answer.content.decode(), str(answer.headers)))
        self.statuses.add(answer.status_code)
        return answer

    def tokens_of(self, path: str, body: dict) -> dict:
        tokens = self.send("post", path, body).json()
        self.tokens += [tokens["access_token"], tokens["refresh_token"]]
        return tokens

    def live(self) -> None:
        person = {"email": "ana@example.com", "password": FIRST}
        self.send("post", f"{V1}/auth/signup", person | {"full_name": "Ana"})
        self.send("post", f"{V1}/auth/signup", person)
        self.send("post", f"{V1}/auth/signup", {"email": f"{WEAK_EMAIL}@x", "password": WEAK_EMAIL})
        self.send("post", f"{V1}/auth/signin", person | {"password": WRONG})
        self.send("post", f"{V1}/auth/signin", {"email": "nobody@example.com", "password": WRONG})
        tokens = self.tokens_of(f"{V1}/auth/signin", person)
        access = tokens["access_token"]
        self.send("get", ME, token=access)
        self.send("get", ME, token=access + "x")
        self.send("get", f"{ME}/sessions", token=access)
        refreshed = {"refresh_token": tokens["refresh_token"]}
        second = self.tokens_of(f"{V1}/auth/refresh", refreshed)
        self.tokens_of(f"{V1}/auth/refresh", {"refresh_token": second["refresh_token"]})
        for current, new in ((WRONG, SECOND), (FIRST, "short"), (FIRST, SECOND)):
            body = {"current_password": current, "new_password": new}
            self.send("post", f"{ME}/change-password", body, token=access)
        self.send("patch", ME, {"password": THIRD, "current_password": SECOND}, token=access)
        self.send("post", f"{V1}/auth/refresh", refreshed)  # Used long ago: the session ends.
        again = self.tokens_of(f"{V1}/auth/signin", person | {"password": THIRD})
        self.send("get", f"{ME}/events", token=again["access_token"])
        self.send("delete", ME, {"current_password": WRONG}, token=again["access_token"])
        self.send("post", f"{V1}/auth/signout", {}, token=again["access_token"])
        for _ in range(6):
            self.send("post", f"{V1}/auth/signin", person | {"password": WRONG})
        self.work_in_the_admin()

    def work_in_the_admin(self) -> None:
        User.objects.create_superuser("root@example.com", STAFF)
        browser, login = Client(), reverse("admin:login")
        pages = [
            browser.post(login, {"username": "root@example.com", "password": WRONG}),
            browser.post(login, {"username": "root@example.com", "password": STAFF}),
            browser.get(reverse("admin:index")),
            browser.get(reverse("admin:accounts_event_changelist")),
            browser.get(reverse("admin:accounts_user_changelist")),
        ]
        self.answers += [(page.content.decode(), "") for page in pages]


@pytest.mark.django_db(transaction=True)
def test_passwords_and_tokens_are_in_no_log_no_row_and_no_answer(client, caplog, capfd):
    caplog.set_level("DEBUG")
    caplog.set_level("INFO", logger="django.db.backends")  # SQL holds hashes, as the rows do.
    lives = Lives(client)

    lives.live()

    assert lives.statuses == {200, 201, 204, 400, 401, 429}
    assert len(set(lives.tokens)) == 8
    secrets = [*PASSWORDS, *(part for token in lives.tokens for part in token.split(".")[1:])]
    written = dump()
    assert "ana@example.com" in written
    assert "signin_failed" in written
    assert "signin_failed" in caplog.text
    printed = "".join(capfd.readouterr())
    for text in (caplog.text, printed, written):
        assert not [secret for secret in secrets if secret in text]
    for content, headers in lives.answers:
        assert not [password for password in PASSWORDS if password in content + headers]
        given = json.loads(content) if content.startswith("{") else {}
        own = {given.get("access_token"), given.get("refresh_token")}
        assert not [token for token in lives.tokens if token in content and token not in own]
