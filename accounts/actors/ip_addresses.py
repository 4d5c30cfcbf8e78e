"""Who is asking, and how: what proxies say of it, as far as it can be believed."""

import logging
import re
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest

logger = logging.getLogger(__name__)

# An address beside a port, or an IPv6 one in brackets (RFC 7239, section 6): gateways write these.
NODE = re.compile(r"(?:\[([0-9a-f:.]+)\]|([0-9.]+))(?::(?:[0-9]{1,5}|_[a-z0-9._-]+))?", re.I | re.A)


def client_address(request: HttpRequest) -> str | None:
    """Return the peer's address, or what a proxy of ours says of its own peer.

    That is the right-most address in ``X-Forwarded-For`` outside ``TRUSTED_PROXIES``: what stands
    further left, and every other header, was written by the client. None if the peer has no
    address (a Unix socket).
    """
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


@cache  # Once in a process: it would come with every request.
def warn_of_unreadable_hop() -> None:
    logger.warning(
        "A proxy of TRUSTED_PROXIES sends an X-Forwarded-For that cannot be read: all its clients"
        " share one address, and the limits of one."
    )


def came_over_https(request: HttpRequest) -> bool:
    """Return whether a proxy of ours says that the request came to it over HTTPS all the way.

    That is ``X-Forwarded-Proto``, in which each proxy may have added its own word.
    """
    peer = parse(request.META.get("REMOTE_ADDR", ""))
    hops = request.META.get("HTTP_X_FORWARDED_PROTO", "").split(",")
    # The client may have written all but the last word, and the last may be about a hop between two
    # proxies. So none of them counts alone: who adds another one only has a request refused.
    is_https = all(hop.strip().lower() == "https" for hop in hops)
    return is_https and peer is not None and is_trusted(peer)


def parse_node(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address of a hop, with a port or without, or None."""
    node = NODE.fullmatch(text)
    return parse((node[1] or node[2]) if node else text)


def parse(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address, an IPv4 one also if it came as ``::ffff:192.0.2.1``, or None."""
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
    """Return what one person may have as one's own: an IPv4 address or an IPv6 /64."""
    parsed = parse(address or "")
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, 64), strict=False))
    return str(parsed or "")
