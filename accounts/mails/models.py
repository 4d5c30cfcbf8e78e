"""A link in a mail: who has it can read a mailbox."""

import secrets
from datetime import timedelta
from hashlib import sha256

from django.conf import settings
from django.db import models
from django.db.models import Case, When
from django.utils import timezone

from accounts.errors import LinkNotValid
from accounts.users.models import User


class Purpose(models.TextChoices):
    """What a link is for; its value is also the last part of the link's address."""

    VERIFY = "verify-email"
    RESET = "reset-password"
    CHANGE = "confirm-email-change"
    UNDO = "undo-email-change"


LIFETIMES = {
    Purpose.VERIFY: timedelta(hours=24),
    Purpose.RESET: timedelta(minutes=60),
    Purpose.CHANGE: timedelta(hours=24),
    Purpose.UNDO: timedelta(days=7),
}


def digest(token: str) -> str:
    """Return what is stored of a token: with 256 random bits it needs no salt and no cost."""
    return sha256(token.encode()).hexdigest()


class LinkQuerySet(models.QuerySet["Link"]):
    def live(self) -> "LinkQuerySet":
        """Select what has not expired.

        That is in a form which no index serves: links are found by their digest or their address.
        With statistics of a quiet hour PostgreSQL would look through every live one instead.
        """
        in_time = When(expires_at__gt=timezone.now(), then=True)
        return self.filter(Case(in_time, default=False, output_field=models.BooleanField()))

    def revocable(self) -> "LinkQuerySet":
        """Select all but those that undo a change of address.

        Whoever took an account over could end those by changing the address once more.
        """
        return self.exclude(purpose=Purpose.UNDO)

    def present(self, token: str, purpose: Purpose) -> "Link":
        """Return the link that somebody followed. Raises LinkNotValid."""
        found = self.live().filter(digest=digest(token), purpose=purpose)
        link = found.select_related("user").first()
        if link is None:
            raise LinkNotValid
        return link


class Link(models.Model):
    """Permission to do one thing once, for whoever reads the mailbox of ``email``.

    The secret is made when the mail is sent, and only its digest is kept: neither the queue of
    mails nor a stolen dump opens anything.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="links")
    purpose = models.CharField(max_length=20)
    email = models.EmailField(db_index=True)
    digest = models.CharField(max_length=64, unique=True, null=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)

    objects = LinkQuerySet.as_manager()

    class Meta:
        db_table = "links"

    def __str__(self) -> str:
        return f"{self.purpose} for user {self.user_id}"

    def renew(self) -> str | None:
        """Return a new secret for the link, or None if it is dead; an earlier one is void."""
        token = secrets.token_urlsafe(32)
        expires_at = timezone.now() + LIFETIMES[Purpose(self.purpose)]
        links = type(self).objects.filter(pk=self.pk)
        return token if links.update(digest=digest(token), expires_at=expires_at) else None

    def consume(self) -> User:
        """Use the link up and return its user, whose row is locked.

        However many come at once, one is served: the delete is the compare-and-swap. The user is
        locked first, as everywhere, so that nobody waits in a circle. Belongs into a transaction.
        Raises LinkNotValid.
        """
        user = User.objects.select_for_update().filter(pk=self.user_id).first()
        used, _ = type(self).objects.live().filter(pk=self.pk, digest=self.digest).delete()
        if user is None or not used:
            raise LinkNotValid
        if self.purpose in (Purpose.VERIFY, Purpose.RESET) and self.email != user.email:
            raise LinkNotValid
        if self.purpose in (Purpose.RESET, Purpose.CHANGE) and not user.is_active:
            raise LinkNotValid
        return user
