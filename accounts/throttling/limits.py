"""Limits like "5/5m": five attempts in five minutes."""

import hmac
from datetime import timedelta
from hashlib import sha256
from ipaddress import ip_network
from typing import NamedTuple

from django.conf import settings

NAMES = [name for name in dir(settings) if "_RATE_" in name]

# A client with one IPv6 /64 has more of them: a household gets a /56, comparable to one IPv4
# address, and a site a /48, for the price of an IP address (RIPE-690, section 4.2). So a client
# that rotates through those reaches a limit hardly later than one IP address would. When one
# household has used up its own limit, only a quarter of it is left to the rest of the /48.
WIDER = {56: 1.0, 48: 1.25}


class Limit(NamedTuple):
    """The maximum in a period for one subject, such as one account in one network."""

    key: str
    name: str
    maximum: int
    period: timedelta
    subject: tuple[str, ...] = ()


def limit(name: str, *subject: str) -> Limit:
    """Return the limit of the setting ``name`` for the subject."""
    maximum, period = getattr(settings, name)
    return Limit(key(name, *subject), name, maximum, period, subject)


def key(*texts: str) -> str:
    # A digest: the table of counters must not hold email addresses of people without an account.
    text = "\0".join(texts)
    return hmac.new(settings.SECRET_KEY.encode(), text.encode(), sha256).hexdigest()


def hourly(name: str, network: str) -> Limit:
    """Return a limit of once an hour for a network, in IPv6 for the widest one around it."""
    if ":" in network:
        network = str(ip_network(network).supernet(new_prefix=min(WIDER)))
    return Limit(key(name, network), name, 1, timedelta(hours=1), (network,))


def network_limits(name: str, network: str) -> list[Limit]:
    """Return the limits of the setting for a network and for the wider IPv6 ones around it.

    The network is an IPv4 address, an IPv6 /64, or "" for an unknown IP address.
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
