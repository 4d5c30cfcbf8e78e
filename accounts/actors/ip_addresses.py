"""The client's IP address and scheme, as trusted proxies report them."""

import logging
import re
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest

logger = logging.getLogger(__name__)

# An IP address with a port, or an IPv6 one in brackets (RFC 7239, section 6): gateways write these.
NODE = re.compile(r"(?:\[([0-9a-f:.]+)\]|([0-9.]+))(?::(?:[0-9]{1,5}|_[a-z0-9._-]+))?", re.I | re.A)


def client_address(request: HttpRequest) -> str | None:
    """Return the right-most address in ``X-Forwarded-For`` outside ``TRUSTED_PROXIES``.

    Return the peer's if the peer is no trusted proxy, and None for a Unix socket.
    """
    # The client may have written all that stands further left, and every other header.
    address = parse(request.META.get("REMOTE_ADDR", ""))
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    while address and hops and is_trusted(address):
        hop = hops.pop().strip()
        earlier = parse_node(hop)
        if earlier is None:
            if hop:
                warn_of_unreadable_hop()
            break
        address = earlier
    return str(address) if address else None


@cache  # Once in a process: every request would log it.
def warn_of_unreadable_hop() -> None:
    logger.warning(
        "A proxy of TRUSTED_PROXIES sends an X-Forwarded-For that cannot be read: all its clients"
        " share one address, and the limits of one."
    )


def came_over_https(request: HttpRequest) -> bool:
    """Return whether ``X-Forwarded-Proto`` of a trusted proxy names HTTPS for every hop."""
    peer = parse(request.META.get("REMOTE_ADDR", ""))
    hops = request.META.get("HTTP_X_FORWARDED_PROTO", "").split(",")
    # Each proxy may append its own value. The client may have written all but the last, and the
    # last may describe a hop between two proxies. So all must be "https": a client that adds
    # another value only gets its own request refused.
    is_https = all(hop.strip().lower() == "https" for hop in hops)
    return is_https and peer is not None and is_trusted(peer)


def parse_node(text: str) -> IPv4Address | IPv6Address | None:
    """Parse a hop, with or without a port; return None if it is no IP address."""
    node = NODE.fullmatch(text)
    return parse((node[1] or node[2]) if node else text)


def parse(text: str) -> IPv4Address | IPv6Address | None:
    """Parse an IP address, mapped ones like ``::ffff:192.0.2.1`` to IPv4; None if it is none."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id:
            return None
        return address.ipv4_mapped or address
    return address


def is_trusted(address: IPv4Address | IPv6Address) -> bool:
    return any(address in network for network in settings.TRUSTED_PROXIES)


def network(address: str | None) -> str:
    """Return the network that one person may hold alone: an IPv4 address or an IPv6 /64."""
    parsed = parse(address or "")
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, 64), strict=False))
    return str(parsed or "")
