"""The limits of wrong passwords, the blocks that result, and how to lift them."""

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.actors import ip_addresses
from accounts.actors.actor import Actor
from accounts.events.models import Event, EventName
from accounts.outbox import flows as outbox
from accounts.sessions.models import Session
from accounts.throttling import flows as throttling
from accounts.throttling.limits import Limit, limit, network_limits
from accounts.users.models import User

# The two daily counters of wrong passwords: failed sign-ins must not block confirmations, nor the
# other way round.
SIGNINS, CONFIRMATIONS = "sign-ins", "confirmations"
# One subject for all of these.
UNKNOWN_NETWORKS = "networks where the account never had a session"


def signin_limits(email: str, network: str) -> list[Limit]:
    """Return the limits that a failed sign-in counts against."""
    # Networks where the account had a session have their own limits; all others share some, so that
    # many guessers are slowed down together and strangers do not lock the owner out.
    # An email address without an account has no known network, and counts like one with.
    around = network_limits("SIGNIN_RATE_NETWORK", network)
    own = limit("SIGNIN_RATE_ACCOUNT_NETWORK", email, network)
    if Session.objects.filter(user__email=email, network=network).exists():
        return [around[0], own, daily_limit(SIGNINS, email, network)]
    shared = limit("SIGNIN_RATE_ACCOUNT", email)
    # The IPv6 networks around this one: a spray may come from all of a /48.
    return [*around, own, shared, daily_limit(SIGNINS, email, UNKNOWN_NETWORKS)]


def confirmation_limits(user: User, network: str) -> list[Limit]:
    """Return the limits that a wrong password in a sensitive request counts against."""
    is_known = user.sessions.filter(network=network).exists()
    network = network if is_known else UNKNOWN_NETWORKS
    return [
        limit("REAUTHENTICATION_RATE_ACCOUNT", user.email),
        daily_limit(CONFIRMATIONS, user.email, network),
    ]


def daily_limit(kind: str, email: str, network: str) -> Limit:
    """Return the limit of an account's wrong passwords in a day (NIST SP 800-63B, 3.2.2)."""
    return limit("PASSWORD_RATE_ACCOUNT", kind, email, network)


def networks(user: User) -> set[str]:
    """Return every network that may have a count against the account."""
    # A counter does not name its network. But each failure is an event too, and in networks where
    # the account had a session, failures count for a day.
    since = timezone.now() - settings.SIGNIN_RATE_ACCOUNT_NETWORK[1]
    seen = user.events.filter(created_at__gt=since).values_list("ip_address", flat=True)
    return {*map(ip_addresses.network, seen.distinct()), *known_networks(user)}


def known_networks(user: User) -> set[str]:
    return set(user.sessions.values_list("network", flat=True).distinct())


def all_signin_limits(user: User) -> list[Limit]:
    """Return the limits of failed sign-ins of the account, from all networks."""
    here = [limit("SIGNIN_RATE_ACCOUNT_NETWORK", user.email, network) for network in networks(user)]
    return [limit("SIGNIN_RATE_ACCOUNT", user.email), *here, *daily_limits(SIGNINS, user)]


def all_confirmation_limits(user: User) -> list[Limit]:
    here = limit("REAUTHENTICATION_RATE_ACCOUNT", user.email)
    return [here, *daily_limits(CONFIRMATIONS, user)]


def daily_limits(kind: str, user: User) -> list[Limit]:
    return [
        daily_limit(kind, user.email, network)
        for network in (UNKNOWN_NETWORKS, *known_networks(user))
    ]


def signin_blocks(user: User) -> list[throttling.Tally]:
    """Return the reached limits that block sign-ins of the user from some network."""
    known, shared = known_networks(user), list[Limit]()
    for network in networks(user):
        around = network_limits("SIGNIN_RATE_NETWORK", network)
        shared += around[:1] if network in known else around
    found = throttling.tallies([*all_signin_limits(user), *shared])
    return [tally for tally in found if tally.is_reached]


def confirmation_blocks(user: User) -> list[throttling.Tally]:
    """Return the reached limits that block confirmations with the user's password."""
    found = throttling.tallies(all_confirmation_limits(user))
    return [tally for tally in found if tally.is_reached]


def forgive(user: User) -> None:
    """Clear the counts of wrong passwords, after the owner or staff have set a new one."""
    throttling.clear([*all_signin_limits(user), *all_confirmation_limits(user)])


@transaction.atomic
def unblock(user: User, actor: Actor) -> list[throttling.Tally]:
    """Clear the account's counts of wrong passwords and mails; return the deleted tallies."""
    # The limits of whole networks stay: other people share them.
    limits = [*all_signin_limits(user), *all_confirmation_limits(user)]
    lifted = throttling.clear([*limits, *outbox.quotas(user.email)])
    if lifted:
        names = sorted({tally.limit.name for tally in lifted})
        Event.objects.record(EventName.ACCOUNT_UNBLOCKED, actor, user.pk, limits=names)
    return lifted
