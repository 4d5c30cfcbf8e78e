"""The drill: real servers lose their database, and a backup brings it back."""

import re
import time
from typing import Any

import pytest

from accounts.backups.tests.conftest import PASSWORD

API = "/api/v1"
pytestmark = pytest.mark.direct


def sign_up(node, name: str) -> None:
    person = {"email": f"{name}@example.com", "password": PASSWORD}
    assert node.post(f"{API}/auth/signup", person)[0] == 201


def sign_in(node, name: str, password: str = PASSWORD) -> dict[str, Any]:
    person = {"email": f"{name}@example.com", "password": password}
    status, tokens = node.post(f"{API}/auth/signin", person)
    assert status == 200, tokens
    return tokens


def refresh(node, tokens) -> tuple[int, Any]:
    return node.post(f"{API}/auth/refresh", {"refresh_token": tokens["refresh_token"]})


def reset(node, token: str, password: str) -> int:
    return node.post(f"{API}/auth/reset-password", {"token": token, "password": password})[0]


def asked_for_a_link(node, mails, name: str) -> str:
    """Return the token mailed to a person who forgot the password."""
    node.post(f"{API}/auth/forgot-password", {"email": f"{name}@example.com"})
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for mail in mails.glob("*"):
            if found := re.search(r"/reset-password#token=([\w-]{43})", mail.read_text()):
                return found[1]
        time.sleep(0.1)
    raise AssertionError("no mail came")


def assert_refused(node, *issued) -> None:
    for tokens in issued:
        assert node.send("GET", f"{API}/users/me", token=tokens["access_token"])[0] == 401
        assert refresh(node, tokens)[0] == 401


def counts(place) -> dict[str, int]:
    return {table: len(rows) for table, rows in place.rows().items()}


def test_after_everything_is_lost_people_are_back_and_no_old_token_is(place, serve, tmp_path):
    assert place.run("migrate", "--verbosity", "0")[0] == 0
    node = serve(place)
    for name in ("ana", "ben", "carla"):
        sign_up(node, name)
    ana, ben, carla = (sign_in(node, name) for name in ("ana", "ben", "carla"))
    link = asked_for_a_link(node, tmp_path / "mails", "carla")
    counted = counts(place)  # That a backup was made is recorded after it.
    file = place.back_up(tmp_path / "backups")

    sign_up(node, "dora")
    dora = sign_in(node, "dora")
    signed_out = {"refresh_token": ana["refresh_token"]}
    assert node.post(f"{API}/auth/signout", signed_out)[0] == 204
    _, ben_later = refresh(node, ben)
    assert reset(node, link, "newpassword123") == 200
    carla_later = sign_in(node, "carla", "newpassword123")
    node.stop()
    place.lose()

    place.restore(file)
    node = serve(place)

    assert counts(place) == counted | {
        "events": counted["events"] + 1,
        "django_session": 0,
        "links": 0,
    }
    assert_refused(node, ana, ben, ben_later, carla, carla_later, dora)
    assert reset(node, link, "otherpassword123") == 400
    for name in ("ana", "ben", "carla"):
        again = sign_in(node, name)
        assert node.send("GET", f"{API}/users/me", token=again["access_token"])[0] == 200
        assert refresh(node, again)[0] == 200
    sign_up(node, "dora")
    assert_refused(node, ana, ben, ben_later, carla, carla_later, dora)


def test_a_server_that_is_running_goes_on_with_what_was_restored(place, serve, tmp_path):
    assert place.run("migrate", "--verbosity", "0")[0] == 0
    node = serve(place)
    sign_up(node, "ana")
    before = sign_in(node, "ana")
    file = place.back_up(tmp_path / "backups")
    _, after = refresh(node, before)
    sign_up(node, "ben")

    place.restore(file)

    assert_refused(node, before, after)
    assert place.column("SELECT email FROM users") == ["ana@example.com"]
    sign_up(node, "ben")
    assert refresh(node, sign_in(node, "ana"))[0] == 200
