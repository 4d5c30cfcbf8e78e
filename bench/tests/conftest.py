from accounts.conftest import *  # noqa: F403 (its fixtures serve here too)
