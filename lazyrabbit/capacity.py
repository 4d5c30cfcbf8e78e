"""How many processes and threads a node has, for the settings of Django and of gunicorn."""

import os
import sys

from lazyrabbit import options

CORES = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
WORKERS = CORES if options.IS_PRODUCTION else 1
THREADS = 256  # Of a worker. In a crowd of sign-ins most of them wait for a hash: a little memory.
