"""How often something may happen: "5/5m" is five times in five minutes."""

import hmac
from datetime import timedelta
from hashlib import sha256
from typing import NamedTuple

from django.conf import settings

# The settings that are limits.
NAMES = [name for name in dir(settings) if "_RATE_" in name]


class Limit(NamedTuple):
    """At most so many in a period, for one subject: one account in one network, say."""

    key: str
    name: str
    maximum: int
    period: timedelta
    subject: tuple[str, ...] = ()


def limit(name: str, *subject: str) -> Limit:
    """Return the limit of that setting for the subject.

    The key is a digest, so that the table of counters names nobody who has no account.
    """
    text = "\0".join((name, *subject))
    key = hmac.new(settings.SECRET_KEY.encode(), text.encode(), sha256).hexdigest()
    maximum, period = getattr(settings, name)
    return Limit(key, name, maximum, period, subject)
