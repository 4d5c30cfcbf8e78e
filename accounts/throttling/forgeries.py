"""Forged tokens, hosts and forms, recorded so that a flood fills no log."""

from functools import partial

from accounts.actors.actor import Actor
from accounts.events.models import Event, EventName
from accounts.throttling import flows as throttling
from accounts.throttling.limits import hourly


def record(reason: str, actor: Actor) -> None:
    """Record the first forgery with this reason that a network sends in an hour."""
    # The event names no account: the rest of the request may be forged too.
    limit = hourly(f"{EventName.FORGERY_REFUSED} {reason}", actor.network)
    event = partial(Event.objects.record, EventName.FORGERY_REFUSED, actor, reason=reason)
    throttling.record_unless_reached(limit, event)
