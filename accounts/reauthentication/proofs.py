"""The evidence in a request that the account's owner sends it."""

from typing import NamedTuple


class Proof(NamedTuple):
    password: str | None = None

    @property
    def is_given(self) -> bool:
        return self.password is not None


NOTHING = Proof()
