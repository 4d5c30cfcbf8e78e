"""Judge by its value alone whether a setting is safe."""

from ipaddress import IPv4Network, IPv6Network, ip_address
from itertools import pairwise
from urllib.parse import urlsplit

SHORTEST_KEY = 32
# Of random keys with 32 hexadecimal digits, fewer than one in 10 to the power of 12 has fewer.
FEWEST_CHARACTERS = FEWEST_STEPS = 6
ENOUGH_TRIPLES = 64
PRIVATE_IPV6, MAPPED_IPV4 = IPv6Network("fc00::/7"), IPv6Network("::ffff:0:0/96")
WIDEST_IPV4, WIDEST_IPV6 = 8, 16  # 10.0.0.0/8; CDNs have less than an IPv6 /16.


def is_random(key: str) -> bool:
    """Return whether a key may be random: it is long, has many characters, and no pattern."""
    # A pattern repeats a few steps between characters (``abcdef…``), or most of its runs of three
    # characters (``changeme`` again and again).
    steps = {ord(second) - ord(first) for first, second in pairwise(key)}
    triples = [key[start : start + 3] for start in range(len(key) - 2)]
    return (
        len(key) >= SHORTEST_KEY
        and len(set(key)) >= FEWEST_CHARACTERS
        and len(steps) >= FEWEST_STEPS
        and len(set(triples)) > min(len(triples) // 2, ENOUGH_TRIPLES)
    )


def covers_everyone(network: IPv4Network | IPv6Network) -> bool:
    """Return whether a network is so wide that it contains other machines than proxies."""
    if isinstance(network, IPv4Network):
        return network.prefixlen < WIDEST_IPV4
    if network.overlaps(MAPPED_IPV4):
        return network.prefixlen < 96 + WIDEST_IPV4
    is_private = network.subnet_of(PRIVATE_IPV6)
    return network.prefixlen < WIDEST_IPV6 and not is_private


def is_in_the_clear(url: str) -> bool:
    """Return whether requests to a URL cross a network without HTTPS."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_this_machine(parts.hostname or "")


def is_this_machine(host: str) -> bool:
    """Return whether a host name or IP address is this machine's (RFC 6761, section 6.3)."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
