"""Settings of a server with pages that fail."""

from lazyrabbit.settings import *

ROOT_URLCONF = "lazyrabbit.tests.test_log_no_address"
