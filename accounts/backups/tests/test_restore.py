"""How an operator restores a backup: all of it or nothing, and no one stays signed in."""

import re
import shutil
import sqlite3
from contextlib import closing

import pytest
from django.core.management import call_command

from accounts.actors.actor import Actor
from accounts.events.models import Event
from accounts.links.models import Link, Purpose
from accounts.outbox.flows import send_link

pytestmark = pytest.mark.direct
ENDED = {"sessions", "django_session", "links", "events"}


def assert_restored(place, snapshot) -> None:
    """Every row is as it was, except that no token, link or cookie works any more."""
    rows = place.rows()
    assert {table: rows[table] for table in rows.keys() - ENDED} == {
        table: snapshot.rows[table] for table in snapshot.rows.keys() - ENDED
    }
    assert (len(snapshot.rows["django_session"]), len(snapshot.rows["links"])) == (1, 2)
    assert (rows["django_session"], rows["links"]) == ([], [])
    assert len(rows["sessions"]) == len(snapshot.rows["sessions"]) == 2
    assert place.column("SELECT id FROM sessions WHERE revoked_at IS NULL") == []
    (added,) = [event for event in rows["events"] if event not in snapshot.rows["events"]]
    assert "restored" in added
    assert snapshot.file.name in str(added)


def test_a_backup_brings_back_every_row(snapshot, place):
    status, printed, said = place.run("restore", "--yes", str(snapshot.file))

    assert (status, said) == (0, "")
    assert printed.startswith("3 accounts were restored. Everyone is signed out")
    assert_restored(place, snapshot)
    if place.suffix == ".sqlite3":
        assert place.file.stat().st_mode & 0o777 == 0o600


def test_changes_made_after_the_backup_are_gone(snapshot, place):
    place.restore(snapshot.file)
    place.execute("UPDATE users SET full_name = 'Changed'")
    place.execute("DELETE FROM sessions")
    place.execute("INSERT INTO counters VALUES ('k', 1, '2026-11-25 00:00:00+00', false)")

    place.restore(snapshot.file)

    assert_restored(place, snapshot)


def test_tables_of_a_newer_version_do_not_get_in_the_way(snapshot, place):
    """Then the migrations make them anew."""
    place.restore(snapshot.file)
    if place.suffix == ".dump":
        place.execute("CREATE TABLE others (user_id bigint REFERENCES users)")
    place.execute("DELETE FROM django_migrations WHERE app = 'admin'")
    place.execute("DROP TABLE django_admin_log")
    older = place.back_up(snapshot.file.parent)
    place.restore(snapshot.file)

    place.restore(older)

    assert place.run("migrate", "--check")[0] == 0
    assert place.rows()["users"] == snapshot.rows["users"]


def test_a_damaged_file_is_refused_and_changes_nothing(snapshot, place, tmp_path):
    place.restore(snapshot.file)
    place.execute("UPDATE users SET full_name = 'Precious'")
    before, content = place.rows(), snapshot.file.read_bytes()
    bad = {
        "empty": b"",
        "another": b"SELECT 1;\n" * 1000,
        "half": content[: len(content) // 2],
        "all but the end": content[:-5000],
        "scratched": content[:9000] + b"\xff" * 9000 + content[18000:],
    }
    for name, damaged in bad.items():
        (tmp_path / name).write_bytes(damaged)

    for name in [*bad, "missing"]:
        status, printed, said = place.run("restore", "--yes", str(tmp_path / name))
        assert (status, printed) == (1, ""), name
        assert re.fullmatch(r"CommandError: Nothing was restored\. .+\n", said), name
        assert place.rows() == before, name
    assert not list(tmp_path.glob(".restoring-*"))


def test_a_disk_that_fills_up_changes_nothing(snapshot, place, full_disk, tmp_path):
    if place.suffix == ".dump":
        pytest.skip("PostgreSQL's disk is the server's")
    place.restore(snapshot.file)
    place.execute("UPDATE users SET full_name = 'Precious'")
    before = place.rows()

    status, _, said = place.run("restore", "--yes", str(snapshot.file), preexec_fn=full_disk)

    assert (status, place.rows()) == (1, before)
    assert said.startswith("CommandError: Nothing was restored. ")
    assert not list(tmp_path.glob(".restoring-*"))


def test_a_backup_whose_sessions_and_links_cannot_be_ended_is_not_restored(snapshot, place):
    place.restore(snapshot.file)
    place.execute("DROP TABLE links")
    strange = place.back_up(snapshot.file.parent)
    place.restore(snapshot.file)
    before = place.rows()

    status, _, said = place.run("restore", "--yes", str(strange))

    assert (status, place.rows()) == (1, before)
    assert re.fullmatch(r"CommandError: Nothing was restored\. .*links.*\n", said)


def test_another_program_that_writes_for_long_is_the_reason_given(snapshot, place):
    if place.suffix == ".dump":
        pytest.skip("there it takes 30 seconds")
    place.restore(snapshot.file)
    before = place.rows()

    with closing(sqlite3.connect(place.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        status, _, said = place.run("restore", "--yes", str(snapshot.file))

    assert (status, place.rows()) == (1, before)
    assert said == (
        "CommandError: Nothing was restored. Another program holds a transaction open on the"
        " database: close it.\n"
    )


@pytest.mark.postgresql
@pytest.mark.parametrize("cut", ["head -c 20000", "awk '/Type: CONSTRAINT/ {exit} {print}'"])
def test_a_restore_that_breaks_off_half_way_changes_nothing(snapshot, place, tmp_path, cut):
    """The script ends within a row, or between two statements, as if pg_restore was killed."""
    place.restore(snapshot.file)
    place.execute("UPDATE users SET full_name = 'Precious'")
    before, real = place.rows(), shutil.which("pg_restore")
    tool = tmp_path / "pg_restore"
    tool.write_text(
        f'#!/bin/sh\ncase "$*" in *--clean*) {real} "$@" | {cut}; exit 1;; esac\nexec {real} "$@"\n'
    )
    tool.chmod(0o700)
    path = f"{tmp_path}:{place.environment['PATH']}"

    status, _, said = place.run("restore", "--yes", str(snapshot.file), env={"PATH": path})

    assert (status, place.rows()) == (1, before)
    assert said.startswith("CommandError: Nothing was restored. ")


@pytest.mark.parametrize("answer", ["", "no\n", "y\n"])
def test_a_restore_says_what_it_would_replace_and_asks(snapshot, place, answer):
    status, printed, said = place.run("restore", str(snapshot.file), answer=answer)

    target = place.environment["DATABASE_URL"].rpartition("/")[2]
    assert target in printed.splitlines()[0]
    assert (status, said) == (1, "CommandError: Nothing was restored.\n")
    assert place.column(place.tables) == []


def test_the_question_accepts_yes(snapshot, place):
    status, printed, _ = place.run("restore", str(snapshot.file), answer="yes\n")

    assert (status, "3 accounts were restored" in printed) == (0, True)
    assert_restored(place, snapshot)


@pytest.mark.postgresql
def test_a_restore_may_take_longer_than_a_request(snapshot, place):
    """As with millions of sessions; requests give up after 5 seconds."""
    place.restore(snapshot.file)
    place.execute(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN PERFORM pg_sleep(6); RETURN NULL; END'"
    )
    place.execute("CREATE TRIGGER slow AFTER UPDATE ON sessions EXECUTE FUNCTION slow()")

    assert place.run("restored") == (
        0,
        "Everyone is signed out, and no link in a mail works.\n",
        "",
    )


@pytest.mark.django_db
def test_after_another_kind_of_recovery_one_command_signs_everyone_out(
    superuser, sign_in, user, client, django_assert_max_num_queries
):
    member, other = sign_in(), sign_in()
    link = send_link(user, Purpose.RESET, Actor())
    token = link.renew().token

    with django_assert_max_num_queries(7):  # Savepoints and a limit among them; never one each.
        call_command("restored")

    assert [someone.get("/api/v1/users/me").status_code for someone in (member, other)] == [401] * 2
    refresh = {"refresh_token": member.tokens["refresh_token"]}
    assert client.post("/api/v1/auth/refresh", refresh).status_code == 401
    assert superuser.get("/admin/").status_code == 302
    reset = {"token": token, "password": "newpassword123"}
    assert client.post("/api/v1/auth/reset-password", reset).json()["code"] == "link_not_valid"
    assert not Link.objects.exists()
    event = Event.objects.last()
    assert (event.name, event.details, event.user_id) == ("restored", {"by": "command"}, None)
