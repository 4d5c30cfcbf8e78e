"""How a request proves that the account's owner sends it."""

from typing import Any

from rest_framework import serializers

from accounts.reauthentication.proofs import Proof
from accounts.users.fields import PasswordField


# A docstring would describe every subclass in the schema.
class ReauthenticationSerializer(serializers.Serializer[Any]):
    # The proof comes last, so that mistakes in the other fields are named first.
    def get_fields(self) -> Any:
        current_password = PasswordField(
            required=False,
            allow_null=True,
            help_text="Needed if the sign-in is long ago, and always by staff.",
        )
        return super().get_fields() | {"current_password": current_password}


def proof_from(data: dict[str, Any]) -> Proof:
    return Proof(password=data.get("current_password"))
