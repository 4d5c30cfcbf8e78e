"""Activate and deactivate accounts."""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from accounts.actors.actor import Actor
from accounts.events.models import Event, EventName, build
from accounts.links.models import Link
from accounts.sessions import flows as sessions
from accounts.users.models import User


def activate(users: list[int], actor: Actor) -> list[int]:
    """Activate the users that are inactive, and return their ids."""
    return set_active(users, True, actor)


@transaction.atomic
def deactivate(users: list[int], actor: Actor) -> list[int]:
    """Deactivate users and end all their access; return the ids of those that were active."""
    # Deactivate first: a simultaneous sign-in then fails, or the next line ends its session.
    deactivated = set_active(users, False, actor)
    end_all_access(User.objects.filter(pk__in=users))
    return deactivated


def end_all_access(users: Iterable[User]) -> None:
    """End all sessions, also of the admin, and delete all links, also those that undo a change.

    None of them works again after the users are activated again.
    """
    ids = [user.pk for user in users]
    sessions.revoke_access(*users)
    Link.objects.filter(user__in=ids).delete()


@transaction.atomic
def set_active(users: list[int], is_active: bool, actor: Actor) -> list[int]:
    name = EventName.ACCOUNT_ACTIVATED if is_active else EventName.ACCOUNT_DEACTIVATED
    others = User.objects.filter(pk__in=users, is_active=not is_active).order_by("pk")
    changed = list(others.select_for_update().values_list("pk", flat=True))
    now = timezone.now()
    User.objects.filter(pk__in=changed).update(is_active=is_active, updated_at=now)
    Event.objects.write(build(name, actor, user_id) for user_id in changed)
    return changed
