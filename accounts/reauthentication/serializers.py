"""The member of a request that proves that the account's owner sends it."""

from typing import Any

from rest_framework import serializers

from accounts.reauthentication.proofs import Proof
from accounts.users.fields import PasswordField


# A docstring would describe every subclass in the schema.
class ReauthenticationSerializer(serializers.Serializer[Any]):
    # The proof is last, so that errors of the other fields are listed first.
    def get_fields(self) -> Any:
        current_password = PasswordField(
            required=False,
            allow_null=True,
            help_text="Required after an old sign-in, and always from staff.",
        )
        return super().get_fields() | {"current_password": current_password}


def proof_from(data: dict[str, Any]) -> Proof:
    return Proof(password=data.get("current_password"))
