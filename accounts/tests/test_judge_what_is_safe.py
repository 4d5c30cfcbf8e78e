"""Which keys, networks, URLs and connections are unsafe."""

import secrets
from ipaddress import ip_network
from string import ascii_letters, digits

import pytest

from accounts.management import configuration, safety


def test_random_keys_never_look_like_anything_else():
    for _ in range(20_000):
        assert safety.is_random(secrets.token_urlsafe(64))
        assert safety.is_random(secrets.token_urlsafe(24))
        assert safety.is_random(secrets.token_hex(32))
        assert safety.is_random(secrets.token_hex(16))


def test_a_long_random_key_is_random_too():
    assert safety.is_random("".join(secrets.choice(digits) for _ in range(5000)))
    assert safety.is_random(secrets.token_hex(50_000))


@pytest.mark.parametrize(
    "key",
    [
        *("", "k" * 32, "k" * 1000, "ab" * 16, f"{'k' * 32}{'o' * 32}", "01" * 128),
        *("fault" * 10, "password" * 8, "changeme" * 4, "changeme-changeme-changeme-12345"),
        *("0123456789abcdef" * 4, "0123456789" * 10, ascii_letters, ascii_letters[::-1]),
        *("correct horse battery staple " * 3, "deadbeef" * 8, "942df02fefdcda8ca90aec659175e19"),
    ],
)
def test_a_key_that_is_short_or_has_a_pattern_is_not_random(key):
    assert not safety.is_random(key)


@pytest.mark.parametrize(
    ("network", "covers_everyone"),
    [
        *[(f"0.0.0.0/{length}", True) for length in (0, 1, 7)],
        *[("128.0.0.0/1", True), ("10.0.0.0/7", True), ("10.0.0.0/8", False)],
        *[("127.0.0.0/8", False), ("192.0.2.1/32", False), ("172.64.0.0/13", False)],
        *[("::/0", True), ("2000::/3", True), ("::/64", True), ("::ffff:0:0/96", True)],
        *[("::ffff:10.0.0.0/104", False), ("fc00::/7", False), ("fd00::/8", False)],
        *[("::1/128", False), ("2400:cb00::/32", False), ("2a06:98c0::/29", False)],
    ],
)
def test_a_network_that_covers_everyone_is_recognized(network, covers_everyone):
    assert safety.covers_everyone(ip_network(network)) is covers_everyone


@pytest.mark.parametrize(
    ("url", "is_in_the_clear"),
    [
        *[
            ("http://app.example.com", True),
            ("http://10.0.0.7:8080", True),
            ("http://[fd00::1]", True),
        ],
        *[("http://localhost.example.com", True), ("http://127.0.0.1.example.com", True)],
        *[("http://notlocalhost", True), ("http://0.0.0.0", True)],
        *[("https://app.example.com", False), ("", False), ("http://localhost:5173", False)],
        *[("http://LOCALHOST", False), ("http://app.localhost:3000/x", False)],
        *[
            ("http://127.0.0.1:5173/", False),
            ("http://127.1.2.3", False),
            ("http://[::1]:5173", False),
        ],
    ],
)
def test_plain_http_to_another_machine_is_in_the_clear(url, is_in_the_clear):
    assert safety.is_in_the_clear(url) is is_in_the_clear


@pytest.mark.parametrize(
    ("address", "sslmode", "mark", "said"),
    [
        ("", "prefer", True, "The connection to the database stays on this machine."),
        ("127.0.0.1", "disable", True, "The connection to the database stays on this machine."),
        ("::1", "prefer", True, "The connection to the database stays on this machine."),
        ("8.8.8.8", "verify-full", True, "at db.example.com is encrypted and verified."),
        ("10.0.0.7", "verify-ca", True, "at db.example.com is encrypted and verified."),
        ("10.0.0.7", "prefer", None, "may be in the clear, with sslmode=prefer: say ?sslmode="),
        ("fd00::7", "disable", None, "may be in the clear, with sslmode=disable: say ?sslmode="),
        ("8.8.8.8", "prefer", False, "may be in the clear, with sslmode=prefer: say ?sslmode="),
        ("8.8.8.8", "allow", False, "may be in the clear, with sslmode=allow: say ?sslmode="),
        ("8.8.8.8", "require", None, "is encrypted, and not verified; anyone in between"),
    ],
)
def test_a_database_on_another_machine_needs_tls(settings, address, sslmode, mark, said):
    settings.IS_PRODUCTION = True

    found, sentence = configuration.encryption("db.example.com", address, sslmode)

    assert found is mark
    assert said in sentence
