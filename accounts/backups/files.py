"""Backups as files in a folder: private, named by their instant, whole or not there."""

import os
import re
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

NAME = re.compile(r"accounts-\d{8}T\d{6}Z\.(dump|sqlite3)")
ABANDONED_AFTER = 24 * 60 * 60  # Seconds; no backup takes so long.


class BackupError(Exception):
    """A backup or a restore that cannot be made, as a sentence for an operator."""


def write(folder: Path, suffix: str, fill: Callable[[Path], None]) -> Path:
    """Return the new file that ``fill`` wrote.

    It gets its name when it is whole and on the disk. The name is the instant just before, so
    that whatever was acknowledged by then is in the file. Only its owner can read
    it. Raises what ``fill`` raises, and OSError; then no file is left behind.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_abandoned(folder)
    name = name_at(datetime.now(UTC)) + suffix
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
    """Wait until a file, or the names in a folder, would survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_abandoned(folder: Path) -> None:
    """Remove what backups wrote that were killed, a day ago at least."""
    for part in folder.glob(".accounts-*.part"):
        with suppress(FileNotFoundError):  # Another backup may just have given it its name.
            if time.time() - part.stat().st_mtime > ABANDONED_AFTER:
                part.unlink()


def remove_older(newest: Path, keep_days: int) -> None:
    """Remove the backups beside the newest whose name is older than so many days.

    Names sort by their instant.
    """
    oldest_kept = name_at(datetime.now(UTC) - timedelta(days=keep_days))
    for file in newest.parent.iterdir():
        if NAME.fullmatch(file.name) and file.name < min(oldest_kept, newest.name):
            file.unlink(missing_ok=True)
