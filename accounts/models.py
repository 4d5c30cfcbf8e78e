"""The models of all rooms, for Django."""

from accounts.events.models import Event
from accounts.links.models import Link
from accounts.outbox.models import Attempts, Mail
from accounts.sessions.models import Session
from accounts.throttling.models import Counter
from accounts.users.models import User

__all__ = ["Attempts", "Counter", "Event", "Link", "Mail", "Session", "User"]
