"""The move from SQLite to PostgreSQL, with the commands of docs/deploy.md."""

import json
import re
import shlex
import time

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType

from accounts.backups.tests.conftest import ROOT, SQLite
from accounts.backups.tests.test_lose_everything import (
    API,
    asked_for_a_link,
    refresh,
    reset,
    sign_in,
    sign_up,
)

pytestmark = [pytest.mark.postgresql, pytest.mark.direct]
(DOCUMENTED,) = re.findall(r"```sh run=move\n(.+?)```", (ROOT / "docs/deploy.md").read_text(), re.S)
COMMANDS = [
    shlex.split(command)
    for command in re.findall(r"manage\.py (.+) &&", DOCUMENTED.replace("\\\n", ""))
]
# A group that may change accounts, a member who may also delete them, an entry of the admin;
# and an attempt to send a mail.
STAFF = """
import django
django.setup()
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission
from accounts.outbox.models import Attempts, Outcome
from accounts.users.models import User
Attempts.objects.count_one(Outcome.SENT)
change, delete = (Permission.objects.get(codename=f"{verb}_user") for verb in ("change", "delete"))
group = Group.objects.create(name="Support")
group.permissions.add(change)
person = User.objects.create_user("staff@example.com", "securepassword123", is_staff=True)
person.groups.add(group)
person.user_permissions.add(delete)
LogEntry.objects.log_actions(person.pk, User.objects.filter(email="ana@example.com"), CHANGE)
"""
WHAT_STAFF_MAY = """
import django
django.setup()
from accounts.users.models import User
print(sorted(User.objects.get(email="staff@example.com").get_all_permissions()))
"""

# As with a million rows: a request's statement would be given up after 3 seconds.
SLOW_FUNCTION = (
    "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN PERFORM pg_sleep(4); RETURN NULL; END'"
)
SLOW_TRIGGER = "CREATE TRIGGER slow AFTER INSERT ON auth_group EXECUTE FUNCTION slow()"
# All but content types and permissions, which each database makes for itself.
MOVED = {
    model._meta.label_lower
    for model in apps.get_models()
    if model not in (ContentType, Permission) and not model._meta.proxy
}


@pytest.fixture
def source(tmp_path):
    return SQLite(tmp_path)


def run(place, name, folder):
    """Run the documented lines of one manage.py command; return the last status and errors."""
    status, said = -1, ""
    for command in COMMANDS:
        if command[0] == name:
            arguments = [word.replace("/var/lib/accounts", str(folder)) for word in command]
            status, _, said = place.run(*arguments)
    return status, said


def move(source, target, folder):
    assert run(source, "dumpdata", folder) == (0, "")
    assert run(target, "migrate", folder) == (0, "")
    assert run(target, "loaddata", folder) == (0, "")


def dumped(place, folder):
    """Return everything in a database: a model and its fields for each row."""
    folder.mkdir(exist_ok=True)
    assert run(place, "dumpdata", folder) == (0, "")
    lines = [line for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()]
    return sorted(map(json.loads, lines), key=lambda row: (row["model"], str(row["pk"])))


def test_everything_is_moved_though_permissions_have_other_numbers(source, place, tmp_path):
    source.fill()
    assert source.end(source.start("-c", STAFF))[0] == 0
    source.execute("UPDATE events SET user_id = 9999 WHERE id = 1")  # Its account was deleted.
    assert place.run("migrate", "--verbosity", "0")[0] == 0
    place.execute("UPDATE auth_permission SET id = id + 1000")
    place.execute(SLOW_FUNCTION)
    place.execute(SLOW_TRIGGER)

    move(source, place, tmp_path)

    before, after = dumped(source, tmp_path / "before"), dumped(place, tmp_path / "after")
    assert after == before
    assert {row["model"] for row in before} == MOVED
    may = source.end(source.start("-c", WHAT_STAFF_MAY))[1]
    assert may == "['accounts.change_user', 'accounts.delete_user']\n"
    assert place.end(place.start("-c", WHAT_STAFF_MAY))[1] == may


def test_people_go_on_where_they_were(source, place, serve, tmp_path):
    assert source.run("migrate", "--verbosity", "0")[0] == 0
    node = serve(source)
    for name in ("ana", "ben", "carla"):
        sign_up(node, name)
    ana, ben = sign_in(node, "ana"), sign_in(node, "ben")
    assert node.send("DELETE", f"{API}/users/me", token=ben["access_token"])[0] == 204
    link = asked_for_a_link(node, tmp_path / "mails", "carla")
    node.stop()
    for mail in (tmp_path / "mails").glob("*"):
        mail.unlink()
    queued = "from accounts.auth.flows import signup; from accounts.actors.actor import Actor"
    late = f"{queued}; signup('dora@example.com', 'securepassword123', actor=Actor())"
    assert source.end(source.start("-c", f"import django; django.setup(); {late}"))[0] == 0

    move(source, place, tmp_path)
    node = serve(place)

    assert node.send("GET", f"{API}/users/me", token=ana["access_token"])[0] == 200
    assert refresh(node, ana)[0] == 200
    sign_in(node, "ana")
    assert reset(node, link, "newpassword123") == 200
    sign_in(node, "carla", "newpassword123")
    sign_up(node, "ben")  # The numbers go on where they were.
    assert len(place.column("SELECT id FROM users")) == 4
    assert_mailed(tmp_path / "mails", "dora@example.com")


def assert_mailed(folder, address):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if any(f"To: {address}" in mail.read_text() for mail in folder.glob("*")):
            return
        time.sleep(0.1)
    raise AssertionError("no mail came")


def test_a_move_that_fails_leaves_the_new_database_empty(source, place, tmp_path):
    source.fill()
    assert run(source, "dumpdata", tmp_path) == (0, "")
    assert run(place, "migrate", tmp_path) == (0, "")
    with (tmp_path / "move-2.jsonl").open("a") as file:
        file.write('{"model": "accounts.event", "pk": 1, "fields": {"name":\n')

    status, said = run(place, "loaddata", tmp_path)

    assert status == 1
    assert f"Problem installing fixture '{tmp_path}/move-2.jsonl'" in said
    assert place.column("SELECT count(*) FROM users") == [0]
