"""Settings of a server that has pages which fail."""

from lazyrabbit.settings import *

ROOT_URLCONF = "lazyrabbit.tests.test_log_no_address"
