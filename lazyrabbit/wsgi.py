"""The WSGI application: ``lazyrabbit.wsgi:application``."""

import os
from pathlib import Path

from django.core.wsgi import get_wsgi_application
from dotenv import load_dotenv

# Only the entry points read .env, so that a developer's file never changes what the tests see.
load_dotenv(Path(__file__).parent.parent / ".env")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lazyrabbit.settings")

application = get_wsgi_application()
