"""How often something may happen: "5/5m" is five times in five minutes."""

import hmac
from datetime import timedelta
from hashlib import sha256
from ipaddress import ip_network
from typing import NamedTuple

from django.conf import settings

# The settings that are limits.
NAMES = [name for name in dir(settings) if "_RATE_" in name]

# Who has one IPv6 /64 has more of them: a household is given a /56, which is as one IPv4 address,
# and a site a /48, for the price of an address (RIPE-690, section 4.2). So what rotates through
# those is held up like one address, and hardly later; only a quarter of a limit is left to the rest
# of a /48 when one household in it has used its own up.
WIDER = {56: 1.0, 48: 1.25}


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
    maximum, period = getattr(settings, name)
    return Limit(key(name, *subject), name, maximum, period, subject)


def key(*texts: str) -> str:
    text = "\0".join(texts)
    return hmac.new(settings.SECRET_KEY.encode(), text.encode(), sha256).hexdigest()


def hourly(name: str, network: str) -> Limit:
    """Return the limit of what happens once an hour in a network, an IPv6 one as wide as any."""
    if ":" in network:
        network = str(ip_network(network).supernet(new_prefix=min(WIDER)))
    return Limit(key(name, network), name, 1, timedelta(hours=1), (network,))


def network_limits(name: str, network: str) -> list[Limit]:
    """Return the limits of that setting for a network, and for the IPv6 ones that it is a part of.

    It is an IPv4 address, an IPv6 /64, or empty where the address is not known.
    """
    own = limit(name, network)
    if ":" not in network:
        return [own]
    inner = ip_network(network)
    wider = [
        limit(name, str(inner.supernet(new_prefix=prefix)))._replace(
            maximum=int(own.maximum * multiple)
        )
        for prefix, multiple in WIDER.items()
    ]
    return [own, *wider]
