"""Index of the models."""

from accounts.sessions.models import Session
from accounts.users.models import User

__all__ = ["Session", "User"]
