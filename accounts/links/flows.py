"""The addresses that links reserve."""

from accounts.links.models import Link
from accounts.users.models import User


def is_taken(email: str, for_user: int | None = None) -> bool:
    """Return whether the address is an account's, or was lately and can be taken back.

    Users are asked first: a change of address that comes between the two questions has left its
    link behind by the second one.
    """
    if User.objects.filter(email=email).exists():
        return True
    return Link.objects.to_undo(email).exclude(user=for_user).exists()
