"""Email addresses that are taken, by an account or by a link that undoes a change."""

from accounts.links.models import Link
from accounts.users.models import User


def is_taken(email: str, for_user: int | None = None) -> bool:
    """Return whether the email address belongs to an account, or can be returned to one."""
    # Users first: a change of email address between the two queries has made its link by then.
    if User.objects.filter(email=email).exists():
        return True
    return Link.objects.to_undo(email).exclude(user=for_user).exists()
