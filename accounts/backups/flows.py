"""Back up the database, restore it, and end the sessions and links of a restored one."""

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
# A restored database holds an earlier state. Since then, sessions ended, and refresh tokens and
# links were used up. In that state all of them are valid again, and later it would even accept the
# refresh tokens that were issued in the meantime, since the session's next ones get the same
# numbers. So every session ends, the admin's too, and no link in a mail works. Anything else that
# a later version can end or use up must be added here.
#
# This is SQL because it runs in the transaction that restores the database, and that is not
# Django's: before its commit no one can use a token, and after it no one can use an old one. The
# few statements cost the same for any number of sessions. SQLite and PostgreSQL both know their
# syntax, and every version has had their columns.
END_EARLIER_STATE = (
    "UPDATE sessions SET revoked_at = CURRENT_TIMESTAMP WHERE revoked_at IS NULL",
    "DELETE FROM django_session",
    "DELETE FROM links",
    RECORD,
)


def engine() -> ModuleType:
    """Return the module with the functions for this database."""
    return {"sqlite": sqlite, "postgresql": postgresql}[connection.vendor]


def target() -> str:
    """Name the database that a restore overwrites, for an operator."""
    return str(engine().name(connection.settings_dict))


def back_up(folder: Path, keep_days: int | None = None) -> Path:
    """Make and check a backup, then remove those older than ``keep_days``; return its path.

    Raises BackupError or OSError, and then leaves the folder as it was. Raises the database's
    error if the backup was made but could not be recorded.
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
    """Return the time of the last backup, on any machine; None if there was none."""
    made = Event.objects.filter(name=EventName.BACKUP_MADE).order_by("-id")
    return made.values_list("created_at", flat=True).first()


def restore(file: Path) -> None:
    """Replace the database by a backup, whose tables may need migrations afterwards.

    Raises BackupError or OSError, and then leaves the database as it was.
    """
    event = build(EventName.RESTORED, COMMAND, backup="".join(filter(str.isprintable, file.name)))
    engine().restore(connection.settings_dict, file, statements(event))
    publish(event)


@transaction.atomic
def end_earlier_state() -> None:
    """End the sessions and links of a database that other means than ``restore`` restored."""
    event = build(EventName.RESTORED, COMMAND)
    with connection.cursor() as cursor:
        for statement in statements(event):
            cursor.execute(statement)
    transaction.on_commit(partial(publish, event))


def statements(event: Event) -> list[str]:
    """Return the SQL that ends all sessions and links, and records the event."""
    details = json.dumps(event.details).replace("'", "''")
    return [text.format(name=event.name, details=details) for text in END_EARLIER_STATE]
