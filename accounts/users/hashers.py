"""bcrypt, as the service hashes, and as the backend before it did."""

import contextlib
from typing import Any

import bcrypt
from django.contrib.auth.hashers import BCryptSHA256PasswordHasher

from accounts.users import hashing_pool

# bcrypt reads no more of a password, and since version 5 raises for more.
BCRYPT_BYTES = 72


class BcryptSHA256Hasher(BCryptSHA256PasswordHasher):
    """Cost 12, over a SHA-256 of the password, so that all of its characters count."""

    rounds = 12

    def encode(self, password: str, salt: Any) -> str:
        """Return the hash. Raises Overloaded when too many others are waiting for theirs."""
        return hashing_pool.pool.run(super().encode, password, salt)

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
        cut = password.encode()[:BCRYPT_BYTES]
        hashed = hashing_pool.pool.run(bcrypt.hashpw, cut, salt)
        return f"{self.algorithm}${hashed.decode('ascii')}"
