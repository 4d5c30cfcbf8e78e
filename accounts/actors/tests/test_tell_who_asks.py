from ipaddress import ip_network

import pytest
from django.test import RequestFactory

from accounts.actors.actor import Actor
from accounts.actors.ip_addresses import came_over_https, client_address, warn_of_unreadable_hop


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
def test_a_client_cannot_choose_its_ip_address(header):
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
        ("203.0.113.7:61598", "203.0.113.7"),
        ("203.0.113.7:_hidden-1", "203.0.113.7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:DB8::7]:443", "2001:db8::7"),
        ("[::ffff:203.0.113.7]:443", "203.0.113.7"),
        ("6.6.6.6:1, 203.0.113.7:1000, 10.0.0.6:2000", "203.0.113.7"),
        ("198.51.100.9, [fd00::1]:443", "198.51.100.9"),
        ("203.0.113.7:", "10.1.1.1"),
        ("203.0.113.7:http", "10.1.1.1"),
        ("203.0.113.7:443:443", "10.1.1.1"),
        ("203.0.113.7:\u0664\u0664\u0663", "10.1.1.1"),
        ("[2001:db8::7", "10.1.1.1"),
        ("[]:443", "10.1.1.1"),
        ("[fe80::1%eth0]:443", "10.1.1.1"),
        ("999.0.113.7:443", "10.1.1.1"),
        ("unknown:443", "10.1.1.1"),
    ],
)
def test_behind_our_proxies_it_is_the_last_address_that_is_not_theirs(
    behind_proxies, forwarded, address
):
    assert seen_from("10.1.1.1", **{"X-Forwarded-For": forwarded}) == address


def test_an_unreadable_hop_is_warned_about_once(behind_proxies, caplog):
    warn_of_unreadable_hop.cache_clear()
    for hop in ("", " , ", "203.0.113.7:443"):
        seen_from("10.1.1.1", **{"X-Forwarded-For": hop})
    seen_from("192.0.2.7", **{"X-Forwarded-For": "c4n4ry"})
    assert not caplog.records

    for _ in range(3):
        seen_from("10.1.1.1", **{"X-Forwarded-For": "c4n4ry"})

    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "TRUSTED_PROXIES" in record.getMessage()
    assert "c4n4ry" not in caplog.text


@pytest.mark.parametrize(
    ("peer", "proto", "is_https"),
    [
        ("10.1.1.1", "https", True),
        ("10.1.1.1", "https, https", True),
        ("10.1.1.1", "https,HTTPS", True),
        ("10.1.1.1", " HTTPS ", True),
        ("fd00::1", "https,https", True),
        ("10.1.1.1", "", False),
        ("10.1.1.1", "http", False),
        ("10.1.1.1", "https, http", False),
        ("10.1.1.1", "http, https", False),
        ("10.1.1.1", "https,", False),
        ("10.1.1.1", "httpsx", False),
        ("192.0.2.7", "https", False),
        ("192.0.2.7", "https, https", False),
        ("", "https, https", False),
    ],
)
def test_only_proxies_of_ours_say_that_a_request_came_over_https(
    behind_proxies, peer, proto, is_https
):
    request = RequestFactory(REMOTE_ADDR=peer).get("/", headers={"X-Forwarded-Proto": proto})

    assert came_over_https(request) is is_https


def test_a_client_that_bypasses_our_proxies_is_not_believed(behind_proxies):
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

    assert Actor.from_request(request).user_agent == "".join(filter(str.isprintable, shown))
