"""Files of backups in a folder: private, complete, and named by the time."""

import os
import re
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

NAME = re.compile(r"accounts-\d{8}T\d{6}Z\.(dump|sqlite3)")
ABANDONED_AFTER = 24 * 60 * 60  # Seconds; no backup takes that long.


class BackupError(Exception):
    """A backup or a restore failed; the message is a sentence for an operator."""


def write(folder: Path, suffix: str, fill: Callable[[Path], None]) -> Path:
    """Let ``fill`` write a new file that only its owner can read; return its path.

    Raises OSError and the errors of ``fill``, and then leaves no file.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_abandoned(folder)
    # The time before the backup: every change that was acknowledged by then is in the file.
    name = name_at(datetime.now(UTC)) + suffix
    # The file gets its name when it is complete and on the disk.
    handle, path = tempfile.mkstemp(prefix=".accounts-", suffix=".part", dir=folder)
    os.close(handle)
    part = Path(path)
    try:
        fill(part)
        sync(part)
        part.rename(folder / name)
    finally:
        part.unlink(missing_ok=True)
    sync(folder)
    return folder / name


def name_at(instant: datetime) -> str:
    return f"accounts-{instant:%Y%m%dT%H%M%SZ}"


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are safe from a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_abandoned(folder: Path) -> None:
    """Remove the partial files of backups that were killed at least a day ago."""
    for part in folder.glob(".accounts-*.part"):
        with suppress(FileNotFoundError):  # Another backup may just have renamed it.
            if time.time() - part.stat().st_mtime > ABANDONED_AFTER:
                part.unlink()


def remove_older(newest: Path, keep_days: int) -> None:
    """Remove the other backups in its folder that are older by their name than ``keep_days``."""
    # Names sort by time.
    oldest_kept = name_at(datetime.now(UTC) - timedelta(days=keep_days))
    for file in newest.parent.iterdir():
        if NAME.fullmatch(file.name) and file.name < min(oldest_kept, newest.name):
            file.unlink(missing_ok=True)
