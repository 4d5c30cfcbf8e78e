"""bcrypt, as the service hashes, and as the backend before it did."""

import contextlib
from typing import Any
from unicodedata import normalize

import bcrypt
from django.contrib.auth.hashers import (
    BCryptSHA256PasswordHasher,
    identify_hasher,
    make_password,
)

from accounts.users import hashing_pool

# bcrypt reads no more of a password, and since version 5 raises for more.
BCRYPT_BYTES = 72
# A character is at most four in another form. So what is longer has more than 128 in any form,
# and Python would take seconds to sort 64 KiB of accents.
LONGEST = 4 * 128


class AsTyped(str):
    """A password that is hashed in the form in which it was typed, as all were before NFC."""


def in_one_form(password: str) -> str:
    """Return the password in NFC (NIST SP 800-63B-4, section 3.1.1.2; RFC 8265, section 4.2.2).

    One keyboard writes é as one character, another as two.
    """
    if isinstance(password, AsTyped) or len(password) > LONGEST:
        return password
    return normalize("NFC", password)


class BcryptSHA256Hasher(BCryptSHA256PasswordHasher):
    """Cost 12, over a SHA-256 of the password, so that all of its characters count."""

    rounds = 12

    # Every hash is made and compared here, so no caller can forget the one form.
    def encode(self, password: str, salt: Any) -> str:
        """Return the hash. Raises Overloaded when too many others are waiting for theirs."""
        return hashing_pool.pool.run(super().encode, in_one_form(password), salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Return whether the password is right; a hash that cannot be read fits no password."""
        try:
            return super().verify(password, encoded)
        except ValueError:
            self.encode(password, self.salt())  # In the time of any other wrong password.
            return False

    def must_update(self, encoded: str) -> bool:
        """Return whether the cost is lower than today's. One that is higher stays."""
        try:
            return int(self.decode(encoded)["work_factor"]) < self.rounds
        except ValueError:
            return False

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Spend the time that a hash of a lower cost saved."""
        with contextlib.suppress(ValueError):  # A row that cannot be read has cost its hash.
            if self.must_update(encoded):
                super().harden_runtime(password, encoded)


class ImportedBcryptHasher(BcryptSHA256Hasher):
    """Verifies rows of the old backend: its ``$2b$12$…``, stored as ``bcrypt$$2b$12$…``.

    The old backend cut passwords at 72 bytes, so this does too. The next sign-in replaces the
    hash by one of ours.
    """

    algorithm = "bcrypt"

    def encode(self, password: str, salt: Any) -> str:
        cut = in_one_form(password).encode()[:BCRYPT_BYTES]
        hashed = hashing_pool.pool.run(bcrypt.hashpw, cut, salt)
        return f"{self.algorithm}${hashed.decode('ascii')}"


def renew(password: str, encoded: str) -> str:
    """Return a hash of ours for the password: of today's cost, or of the older hash's if higher."""
    cost = int(identify_hasher(encoded).decode(encoded)["work_factor"])
    salt: Any = bcrypt.gensalt(max(cost, BcryptSHA256Hasher.rounds))
    return make_password(password, salt)
