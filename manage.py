#!/usr/bin/env python
"""Run an administrative command: migrate, runserver, createsuperuser, test, …"""

import os
import sys
from pathlib import Path


def main() -> None:
    try:
        from django.core.management import execute_from_command_line
        from django.db import OperationalError
        from dotenv import load_dotenv
    except ImportError:
        sys.exit("Django is not installed here: run `pip install -r requirements.txt` first.")
    load_dotenv(Path(__file__).parent / ".env")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lazyrabbit.settings")
    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        sys.exit(f"The database of DATABASE_URL cannot be used: {error}".strip())


if __name__ == "__main__":
    main()
