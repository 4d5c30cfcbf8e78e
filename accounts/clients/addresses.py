"""Who is asking: the client's address, as far as it can be believed."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """Return the peer's address, or what a proxy of ours says of its own peer.

    That is the right-most address in ``X-Forwarded-For`` outside ``TRUSTED_PROXIES``: what stands
    further left, and every other header, was written by the client. None if the peer has no
    address (a Unix socket).
    """
    address = parse(request.META.get("REMOTE_ADDR", ""))
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    while address and hops and is_trusted(address):
        earlier = parse(hops.pop())
        if earlier is None:
            break
        address = earlier
    return str(address) if address else None


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
