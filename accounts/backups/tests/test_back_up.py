"""How an operator backs the database up, while people use it."""

import json
import os
import re
import stat
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

WRITERS = """
import sys
import django
django.setup()
from accounts.auth import flows
from accounts.actors.actor import Actor
from accounts.users.hashers import BcryptSHA256Hasher
BcryptSHA256Hasher.rounds = 4
for number in range(100_000):
    email = f"{sys.argv[1]}{number}@example.com"
    flows.signup(email, "securepassword123", actor=Actor(f"10.0.{number % 256}.1"))
    print(email, flush=True)
"""
NO_LIMIT = {"SIGNUP_RATE_NETWORK": "100000/1h"}
KINDS = ("dump", "sqlite3")
pytestmark = pytest.mark.direct
NAME = r"accounts-\d{8}T\d{6}Z"


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*"))


def test_a_backup_is_private_whole_and_named_by_its_instant(place, tmp_path):
    place.fill()
    folder = tmp_path / "new" / "backups"
    earliest = datetime.now(UTC).replace(microsecond=0)

    status, printed, said = place.run("backup", str(folder))

    (name,) = listed(folder)
    assert re.fullmatch(NAME + place.suffix, name)
    instant = datetime.strptime(name.partition(".")[0], "accounts-%Y%m%dT%H%M%S%z")
    assert earliest <= instant <= datetime.now(UTC)
    assert (status, said) == (0, "")
    assert printed == f"{folder / name} ({(folder / name).stat().st_size:,} bytes)\n"
    assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_backup_holds_no_cookie_of_the_admin(snapshot):
    """Its key is stored in the clear and would open the admin for hours."""
    ((key, *_),) = snapshot.rows["django_session"]
    content = snapshot.file.read_bytes()
    if snapshot.file.suffix == ".dump":
        script = ["pg_restore", "--file=-", str(snapshot.file)]
        content = subprocess.run(script, capture_output=True, check=True).stdout

    assert b"ana@example.com" in content
    assert key.encode() not in content


def test_a_backup_holds_whole_transactions_while_people_sign_up(make_place, tmp_path):
    """A sign-up writes a user, an event, a link and a mail."""
    busy, restored = make_place(), make_place()
    assert busy.run("migrate", "--verbosity", "0")[0] == 0
    writers = [busy.start("-c", WRITERS, letter, env=NO_LIMIT) for letter in "ab"]
    acknowledged = {writer.stdout.readline().strip() for writer in writers for _ in range(10)}

    file = busy.back_up(tmp_path / "backups")

    assert [writer.poll() for writer in writers] == [None, None]
    for writer in writers:
        writer.kill()
        busy.end(writer)
    restored.restore(file)
    people = restored.column("SELECT email FROM users")
    assert acknowledged <= set(people)
    assert len(people) < len(busy.column("SELECT email FROM users"))
    signed_up = "SELECT u.email FROM users u JOIN events e ON e.user_id = u.id"
    assert sorted(restored.column(signed_up)) == sorted(people)
    mails = restored.column("SELECT id FROM django_tasks_database_dbtaskresult")
    assert len(mails) == len(people)


MADE = "SELECT details FROM events WHERE name = 'backup_made' ORDER BY id"


def made(place) -> list[dict]:
    """Return the details of each backup recorded in the database."""
    return [json.loads(row) if isinstance(row, str) else row for row in place.column(MADE)]


def test_a_backup_is_recorded_in_what_was_backed_up(place, tmp_path):
    place.fill()
    assert made(place) == []

    file = place.back_up(tmp_path / "backups")
    assert made(place) == [{"by": "command", "backup": file.name}]
    status, printed, _ = place.run("backup", "--record")

    assert (status, printed) == (0, "It is recorded that a backup was made.\n")
    assert made(place) == [{"by": "command", "backup": file.name}, {"by": "command"}]
    assert listed(tmp_path / "backups") == [file.name]
    place.restore(file)
    assert made(place) == []  # The restored database knows nothing later than the backup.


def test_a_backup_that_failed_is_not_recorded(place, full_disk, tmp_path):
    place.fill()

    assert place.run("backup", str(tmp_path / "backups"), preexec_fn=full_disk)[0] == 1

    assert made(place) == []


def test_a_backup_that_cannot_be_recorded_is_there_and_one_line_says_so(place, tmp_path):
    place.fill()
    place.execute("ALTER TABLE events RENAME TO lost")

    status, printed, said = place.run("backup", str(tmp_path / "backups"))

    assert (status, printed, len(listed(tmp_path / "backups"))) == (1, "", 1)
    assert re.fullmatch(
        r"CommandError: The backup is made and could not be recorded\. .*\bevents\b.*\n", said
    )


@pytest.mark.parametrize("arguments", [[], ["--record", "backups"]])
def test_a_backup_is_made_or_recorded(place, tmp_path, arguments):
    status, printed, said = place.run("backup", *arguments)

    assert (status, printed) == (2, "")
    assert "usage: manage.py backup" in said


def test_two_backups_at_once_are_two_good_backups(snapshot, make_place, tmp_path):
    source, *restored = make_place(), make_place(), make_place()
    source.restore(snapshot.file)
    folder = tmp_path / "backups"

    processes = [source.start("manage.py", "backup", str(folder)) for _ in range(2)]
    results = [source.end(process) for process in processes]

    assert [(status, said) for status, _, said in results] == [(0, "")] * 2
    files = [Path(printed.rpartition(" (")[0]) for _, printed, _ in results]
    assert listed(folder) == sorted({file.name for file in files})
    for place, file in zip(restored, files, strict=True):
        place.restore(file)
        assert place.rows()["users"] == snapshot.rows["users"]


def test_a_full_disk_leaves_no_half_backup(snapshot, place, full_disk, tmp_path):
    place.restore(snapshot.file)
    folder = tmp_path / "backups"

    status, printed, said = place.run("backup", str(folder), preexec_fn=full_disk)

    assert (status, printed, listed(folder)) == (1, "", [])
    assert re.fullmatch(r"CommandError: Nothing was backed up\. .+\n", said)


def test_a_database_that_cannot_be_reached_is_one_clear_line(place, tmp_path):
    place.lose()
    place.environment["DATABASE_URL"] += "_of_nobody"

    status, printed, said = place.run("backup", str(tmp_path / "backups"))

    assert (status, printed, listed(tmp_path / "backups")) == (1, "", [])
    assert re.fullmatch(r"CommandError: Nothing was backed up\. .+_of_nobody.+\n", said)
    assert not [name for name in listed(tmp_path) if name.endswith("_of_nobody")]


def test_a_database_without_accounts_is_not_worth_a_backup(place, tmp_path):
    place.execute("CREATE TABLE others (id integer)")

    status, printed, said = place.run("backup", str(tmp_path / "backups"))

    assert (status, printed, listed(tmp_path / "backups")) == (1, "", [])
    assert said.endswith(" holds no accounts.\n")


def test_only_backups_older_than_the_days_given_are_removed(snapshot, place, tmp_path):
    place.restore(snapshot.file)
    now = datetime.now(UTC)
    old, recent = (
        [f"accounts-{now - timedelta(days=days):%Y%m%dT%H%M%SZ}.{kind}" for kind in KINDS]
        for days in (31, 29)
    )
    others = ["accounts-20200101T000000Z.dump.gpg", "notes.txt", ".accounts-now.part"]
    for name in [*old, *recent, *others, ".accounts-killed.part"]:
        (tmp_path / name).touch()
    two_days_ago = time.time() - 2 * 24 * 60 * 60
    os.utime(tmp_path / ".accounts-killed.part", (two_days_ago, two_days_ago))
    before = listed(tmp_path)

    kept = place.back_up(tmp_path).name
    assert set(listed(tmp_path)) == {*before, kept} - {".accounts-killed.part"}
    assert place.run("backup", str(tmp_path), "--keep-days", "30")[0] == 0

    assert set(before) - set(listed(tmp_path)) == {*old, ".accounts-killed.part"}
    assert kept in listed(tmp_path)

    assert place.run("backup", str(tmp_path), "--keep-days", "0")[0] == 0
    (newest,) = [name for name in listed(tmp_path) if re.fullmatch(NAME + r"\.\w+", name)]
    assert newest >= kept


@pytest.mark.postgresql
def test_without_postgresqls_tools_the_package_is_named(place, tmp_path):
    status, _, said = place.run("backup", str(tmp_path / "backups"), env={"PATH": str(tmp_path)})

    assert status == 1
    assert said == (
        "CommandError: Nothing was backed up. pg_dump is needed (on Debian: apt install"
        " postgresql-client).\n"
    )


@pytest.mark.postgresql
def test_the_password_is_on_no_command_line(place, tmp_path):
    tool = tmp_path / "pg_dump"
    tool.write_text('#!/bin/sh\necho "pg_dump: $* and $PGPASSWORD" >&2\nexit 1\n')
    tool.chmod(0o700)
    url = "postgres://accounts:c4n4ry@db.example.com:6432/people"

    _, _, said = place.run(
        "backup", str(tmp_path), env={"PATH": str(tmp_path), "DATABASE_URL": url}
    )

    arguments, _, password = said.partition(" and ")
    assert "-U accounts -h db.example.com -p 6432 --no-password --format=custom" in arguments
    assert "c4n4ry" not in arguments
    assert password == "c4n4ry\n"
