#!/usr/bin/env python
"""Run an administrative command: migrate, runserver, createsuperuser, test, …"""

import os
import sys


def main() -> None:
    try:
        from django.core.management import execute_from_command_line
        from django.db import OperationalError

        from lazyrabbit import env_file
        from lazyrabbit.logging import print_exception
    except ImportError:
        sys.exit("Django is not installed here: run `pip install -r requirements.txt` first.")
    sys.excepthook = print_exception
    env_file.load()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lazyrabbit.settings")
    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        sys.exit(f"The database of DATABASE_URL cannot be used: {error}".strip())


if __name__ == "__main__":
    main()
