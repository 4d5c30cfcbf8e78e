"""What pretends to be ours, or to come from us: recorded so that a flood fills no log."""

from functools import partial

from accounts.actors.actor import Actor
from accounts.events.models import Event, EventName
from accounts.throttling import flows as throttling
from accounts.throttling.limits import hourly


def record(reason: str, actor: Actor) -> None:
    """Write down the first one of its kind that a network sends in an hour.

    It names no account: whatever else was sent may be forged too.
    """
    limit = hourly(f"{EventName.FORGERY_REFUSED} {reason}", actor.network)
    event = partial(Event.objects.record, EventName.FORGERY_REFUSED, actor, reason=reason)
    throttling.record_unless_reached(limit, event)
