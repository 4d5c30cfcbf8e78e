from ipaddress import ip_network

import pytest
from django.test import RequestFactory

from accounts.clients.addresses import client_address
from accounts.clients.client import Client


def seen_from(peer: str, **headers: str) -> str | None:
    return client_address(RequestFactory(REMOTE_ADDR=peer).get("/", headers=headers))


@pytest.fixture
def behind_proxies(settings):
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", None),
        ("unix:", None),
    ],
)
def test_the_client_is_the_peer(peer, address):
    assert seen_from(peer) == address


@pytest.mark.parametrize(
    "header",
    [
        "X-Forwarded-For",
        "Forwarded",
        "X-Real-IP",
        "CF-Connecting-IP",
        "True-Client-IP",
        "Client-IP",
    ],
)
def test_what_a_client_says_of_itself_is_not_believed(header):
    assert seen_from("192.0.2.7", **{header: "198.51.100.9"}) == "192.0.2.7"


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("198.51.100.9", "198.51.100.9"),
        ("6.6.6.6, 198.51.100.9", "198.51.100.9"),
        ("6.6.6.6,10.9.9.9, 198.51.100.9 ,10.1.1.1", "198.51.100.9"),
        ("2001:db8::9", "2001:db8::9"),
        ("198.51.100.9, fd00::1", "198.51.100.9"),
        ("10.2.2.2", "10.2.2.2"),
        ("", "10.1.1.1"),
        ("unknown", "10.1.1.1"),
        ("6.6.6.6, garbage", "10.1.1.1"),
        ("6.6.6.6, garbage, 10.3.3.3", "10.3.3.3"),
        ("fe80::1%eth0", "10.1.1.1"),
        ("," * 5000, "10.1.1.1"),
    ],
)
def test_behind_our_proxies_it_is_the_last_address_that_is_not_theirs(
    behind_proxies, forwarded, address
):
    assert seen_from("10.1.1.1", **{"X-Forwarded-For": forwarded}) == address


def test_who_comes_past_our_proxies_is_not_believed(behind_proxies):
    assert seen_from("192.0.2.7", **{"X-Forwarded-For": "198.51.100.9"}) == "192.0.2.7"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (b"Mozilla/5.0 (X11) Firefox/130.0", "Mozilla/5.0 (X11) Firefox/130.0"),
        ("日本ブラウザ/1.0".encode(), "日本ブラウザ/1.0"),
        ("Ünïcode 🐇".encode(), "Ünïcode 🐇"),
        ("Ünïcode".encode("latin-1"), "Ünïcode"),
        ("日本".encode("shift-jis"), "\x93ú\x96{"),  # Neither: what can be printed of it.
        (b"tab\there\r\n\x1b[31m\x00", "tabhere[31m"),
        ("turned \u202e round".encode(), "turned  round"),
        ("日".encode() * 600, "日" * 512),
        (b"\xff" * 600, "\xff" * 512),
        (b"", ""),
    ],
)
def test_a_user_agent_is_shown_as_it_was_sent(sent, shown):
    request = RequestFactory(HTTP_USER_AGENT=sent.decode("latin-1")).get("/")

    assert Client.of(request).user_agent == "".join(filter(str.isprintable, shown))
