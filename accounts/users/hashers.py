"""bcrypt, in the form of this service and in that of the backend before it."""

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

# bcrypt reads no more bytes of a password, and raises for more since version 5.
BCRYPT_BYTES = 72
# In another form a character is at most four, so a longer password has more than 128 in any form.
# Python would take seconds to normalize 64 KiB of accents.
LONGEST = 4 * 128


class AsTyped(str):
    """A password that is hashed as it was typed, as all were before they were put into NFC."""


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

    # All hashes are made and compared here, so no caller can forget NFC.
    def encode(self, password: str, salt: Any) -> str:
        """Return the hash. Raises Overloaded if too many others are waiting."""
        return hashing_pool.pool.run(super().encode, in_one_form(password), salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Return whether the password is right; no password fits a malformed hash."""
        try:
            return super().verify(password, encoded)
        except ValueError:
            self.encode(password, self.salt())  # Take as long as for any other wrong password.
            return False

    def must_update(self, encoded: str) -> bool:
        """Return whether the cost is lower than today's."""
        try:
            return int(self.decode(encoded)["work_factor"]) < self.rounds
        except ValueError:
            return False

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Spend the time that a hash of a lower cost saved."""
        with contextlib.suppress(ValueError):  # For a malformed hash, ``verify`` has spent it.
            if self.must_update(encoded):
                super().harden_runtime(password, encoded)


class ImportedBcryptHasher(BcryptSHA256Hasher):
    """Verifies rows of the old backend: its ``$2b$12$…``, stored as ``bcrypt$$2b$12$…``.

    Like the old backend it cuts passwords at 72 bytes. The next sign-in replaces the hash.
    """

    algorithm = "bcrypt"

    def encode(self, password: str, salt: Any) -> str:
        cut = in_one_form(password).encode()[:BCRYPT_BYTES]
        hashed = hashing_pool.pool.run(bcrypt.hashpw, cut, salt)
        return f"{self.algorithm}${hashed.decode('ascii')}"


def renew(password: str, encoded: str) -> str:
    """Return a new hash of the password, at today's cost or the older hash's if that is higher."""
    cost = int(identify_hasher(encoded).decode(encoded)["work_factor"])
    salt: Any = bcrypt.gensalt(max(cost, BcryptSHA256Hasher.rounds))
    return make_password(password, salt)
