"""Back up the database, restore it, and begin anew after it was set back by other means."""

import json
from datetime import datetime
from functools import partial
from pathlib import Path
from types import ModuleType

from django.db import connection, transaction

from accounts.actors.actor import COMMAND
from accounts.backups import files, postgresql, sqlite
from accounts.events.models import Event, EventName, build, publish

RECORD = """
    INSERT INTO events (name, user_agent, request_id, created_at, details)
    VALUES ('{name}', '', '', CURRENT_TIMESTAMP, '{details}')
"""
BEGIN_ANEW = (
    "UPDATE sessions SET revoked_at = CURRENT_TIMESTAMP WHERE revoked_at IS NULL",
    "DELETE FROM django_session",
    "DELETE FROM links",
    RECORD,
)


def engine() -> ModuleType:
    """Return what backs the database up: the same functions, whichever database it is."""
    return {"sqlite": sqlite, "postgresql": postgresql}[connection.vendor]


def place() -> str:
    """Return what a restore overwrites, as an operator calls it."""
    return str(engine().name(connection.settings_dict))


def back_up(folder: Path, keep_days: int | None = None) -> Path:
    """Return the new backup, checked, after which those older than ``keep_days`` are removed.

    Raises BackupError or OSError; then the folder holds what it held. Raises the database's error
    if the backup is there and cannot be recorded.
    """
    tool = engine()

    def fill(part: Path) -> None:
        tool.dump(connection.settings_dict, part)
        tool.check(part)

    file = files.write(folder, tool.SUFFIX, fill)
    Event.objects.record(EventName.BACKUP_MADE, COMMAND, backup=file.name)
    if keep_days is not None:
        files.remove_older(file, keep_days)
    return file


def last_backup_at() -> datetime | None:
    """Return when the database was last backed up, on whichever machine; None if never."""
    made = Event.objects.filter(name=EventName.BACKUP_MADE).order_by("-id")
    return made.values_list("created_at", flat=True).first()


def restore(file: Path) -> None:
    """Replace the database by a backup; its tables may be an older version's still.

    Raises BackupError or OSError; then the database is as it was.
    """
    event = build(EventName.RESTORED, COMMAND, backup="".join(filter(str.isprintable, file.name)))
    engine().restore(connection.settings_dict, file, statements(event))
    publish(event)


@transaction.atomic
def begin_anew() -> None:
    """End all that an earlier state of the database brought back to life.

    For a database that was set back by something else than ``restore``.
    """
    event = build(EventName.RESTORED, COMMAND)
    with connection.cursor() as cursor:
        for statement in statements(event):
            cursor.execute(statement)
    transaction.on_commit(partial(publish, event))


def statements(event: Event) -> list[str]:
    """Return the SQL with which a database begins anew that was set back to an earlier state.

    Since that state sessions were ended, refresh tokens and links used up. To the database all
    of them are good again, and it would even come to accept the refresh tokens that were issued
    in the meantime: a session's next ones have the same numbers. So every session ends, the
    admin's too, and no link in any mail works.

    It is SQL since it stands in the transaction that sets the database back, which is no
    transaction of Django's: before it is committed nobody can use a token, and after it nobody
    can use an old one. It is a few statements, however many sessions there are, in what SQLite
    and PostgreSQL have in common, and of columns that every version has had. What a later one
    can use up or end belongs here too.
    """
    details = json.dumps(event.details).replace("'", "''")
    return [text.format(name=event.name, details=details) for text in BEGIN_ANEW]
