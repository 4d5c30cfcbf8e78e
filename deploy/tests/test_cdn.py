"""A CDN in front of nginx: its clients are told apart, and only it may name them."""

import re
from contextlib import closing
from itertools import cycle

import pytest

from deploy.tests.conftest import DEPLOY, NAME
from deploy.tests.test_nginx import HEALTH
from deploy.tests.test_nodes import ANA, PRODUCTION

CDN, STRANGER = "127.0.0.2", "127.0.0.3"
SHIPPED = (DEPLOY / "nginx/accounts/cdn.conf").read_text()
# As an operator fills it in: the lines without their #, and the CDN's own network.
FILLED_IN = re.sub(r"^#(?=\w)", "", SHIPPED, flags=re.MULTILINE).replace("192.0.2.0/24", CDN)


@pytest.fixture
def nginx(start_nginx, stub):
    return start_nginx(stub.port, cdn=FILLED_IN)


def heard_of(nginx, chain: str, source: str = CDN) -> str:
    """Return the IP address that a node gets when the header holds this chain."""
    answer = nginx.send("GET", HEALTH, headers={"X-Forwarded-For": chain}, source=source)
    return answer.json()["headers"]["X-Forwarded-For"]


def ask_until_refused(nginx, source: str, *chains: str) -> None:
    """Send requests as fast as possible, for these clients in turn, until nginx says 429."""
    with closing(nginx.connect(source=source)) as connection:
        for chain in cycle(chains):
            connection.request("GET", HEALTH, headers={"Host": NAME, "X-Forwarded-For": chain})
            response = connection.getresponse()
            response.read()
            if response.status == 429:
                return
            assert response.status == 200


def test_a_node_is_told_the_address_that_the_cdn_saw(nginx):
    assert heard_of(nginx, "198.51.100.7") == "198.51.100.7"
    assert heard_of(nginx, "2001:db8::7") == "2001:db8::7"
    assert heard_of(nginx, "198.51.100.7:61598") == "198.51.100.7"


def test_a_client_of_the_cdn_cannot_choose_its_ip_address(nginx):
    """The CDN appends the IP address it saw; the client itself wrote the rest."""
    assert heard_of(nginx, "203.0.113.9, 198.51.100.7") == "198.51.100.7"
    assert heard_of(nginx, f"203.0.113.9, 198.51.100.7, {CDN}") == "198.51.100.7"


def test_a_client_that_bypasses_the_cdn_cannot_forge_an_ip_address(nginx):
    assert heard_of(nginx, "198.51.100.7", source=STRANGER) == STRANGER
    assert heard_of(nginx, CDN, source=STRANGER) == STRANGER


def test_without_a_cdn_the_header_means_nothing(start_nginx, stub):
    nginx = start_nginx(stub.port)

    assert heard_of(nginx, "198.51.100.7") == CDN


def test_one_client_of_the_cdn_cannot_use_up_what_others_may_ask(nginx):
    ask_until_refused(nginx, CDN, "198.51.100.7")

    assert heard_of(nginx, "198.51.100.8") == "198.51.100.8"
    assert nginx.send("GET", HEALTH, source=STRANGER).status == 200


@pytest.mark.parametrize("prefix", ["2001:db8:0:1", "2001:db8:a0a:0", "2001:db8:ff0d:a00"])
def test_addresses_of_one_ipv6_64_share_what_they_may_ask(nginx, prefix):
    """Some hold bytes that end a string or a line."""
    addresses = [f"{prefix}:{n:x}:{0xA0A - n:x}:0:{n:x}" for n in range(1000)]

    assert ask_once_each(nginx, addresses) == {200, 429}

    assert heard_of(nginx, "2001:db8:0:2::1") == "2001:db8:0:2::1"


def ask_once_each(nginx, addresses: list[str]) -> set[int]:
    """Send requests as fast as possible, each for another client; return the statuses."""
    statuses = set()
    with closing(nginx.connect(source=CDN)) as connection:
        for address in addresses:
            connection.request("GET", HEALTH, headers={"Host": NAME, "X-Forwarded-For": address})
            response = connection.getresponse()
            response.read()
            statuses.add(response.status)
            if response.status == 429:
                break
    return statuses


def test_ipv6_64s_do_not_share_what_they_may_ask(nginx):
    addresses = [f"2001:db8:{n:x}:a0a::1" for n in range(300)]

    assert ask_once_each(nginx, addresses) == {200}


def test_ipv4_addresses_in_ipv6_are_told_apart(nginx):
    ask_until_refused(nginx, CDN, "::ffff:198.51.100.7")

    assert heard_of(nginx, "::ffff:198.51.100.8") == "::ffff:198.51.100.8"


def test_a_stranger_may_ask_no_more_by_forging_addresses(nginx, stub):
    ask_until_refused(nginx, STRANGER, *[f"198.51.100.{number}" for number in range(250)])

    assert {heard["headers"]["X-Forwarded-For"] for heard in stub.requests} == {STRANGER}


@pytest.mark.postgresql
def test_the_service_tells_the_clients_of_a_cdn_apart(start_nginx, start_node):
    node = start_node(**PRODUCTION, SIGNIN_RATE_NETWORK="3/10m")
    nginx = start_nginx(node.port, cdn=FILLED_IN)
    assert nginx.send("POST", "/api/v1/auth/signup", ANA).status == 201

    def sign_in(address, person=ANA, source=CDN):
        headers = {"X-Forwarded-For": address}
        return nginx.send("POST", "/api/v1/auth/signin", person, headers, source=source)

    wrong = {"email": "ben@example.com", "password": "wrongpassword"}
    assert [sign_in("198.51.100.7", wrong).status for _ in range(4)] == [401, 401, 401, 429]
    assert sign_in("198.51.100.7").status == 429
    assert sign_in("198.51.100.8").status == 200
    tokens = sign_in("198.51.100.7", source=STRANGER).json()

    member = {"Authorization": f"Bearer {tokens['access_token']}"}
    sessions = nginx.send("GET", "/api/v1/users/me/sessions", headers=member).json()
    assert {session["ip_address"] for session in sessions} == {STRANGER, "198.51.100.8"}
