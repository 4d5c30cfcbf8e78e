"""The server's settings with the cheapest hash: thousands of passwords are set and tried."""

from typing import Any

from lazyrabbit.gunicorn import *  # noqa: F403


def post_worker_init(worker: Any) -> None:
    from accounts.users.hashers import BcryptSHA256Hasher  # noqa: PLC0415 (needs Django)

    BcryptSHA256Hasher.rounds = 4
