"""The settings of our server, for comparison with every hash in the thread of its request."""

from typing import Any

from lazyrabbit.gunicorn import *  # noqa: F403 (gunicorn reads its settings from here)


def post_worker_init(worker: Any) -> None:  # type: ignore[no-redef]
    from accounts.users import hashing_pool  # noqa: PLC0415 (Django is set up only now)

    vars(hashing_pool.pool)["run"] = lambda function, *args: function(*args)
