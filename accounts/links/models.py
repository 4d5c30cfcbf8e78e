"""The links in mails: permissions to do one thing, each for the reader of one mailbox."""

import secrets
from datetime import timedelta
from hashlib import sha256
from typing import NamedTuple

from django.conf import settings
from django.db import models
from django.db.models import Case, F, When
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.errors import CodeIncorrect, LinkNotValid
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

# The mails with a code, for who reads them on one device and goes on with another one.
WITH_CODE = {Purpose.VERIFY, Purpose.CHANGE}
CODE_ATTEMPTS = 5


class Secrets(NamedTuple):
    """What a mail says: the token of its link, and the six digits beside it, if there are any."""

    token: str
    code: str


def digest(token: str) -> str:
    """Return what is stored of a token: with 256 random bits it needs no salt and no cost."""
    return sha256(token.encode()).hexdigest()


class LinkQuerySet(models.QuerySet["Link"]):
    def live(self) -> "LinkQuerySet":
        """Select what has neither expired nor been used.

        The first is in a form which no index serves: links are found by their digest or their
        address. With statistics of a quiet hour PostgreSQL would look through every live one
        instead.
        """
        in_time = When(expires_at__gt=timezone.now(), then=True)
        is_in_time = Case(in_time, default=False, output_field=models.BooleanField())
        return self.filter(is_in_time, used_at=None)

    def revocable(self) -> "LinkQuerySet":
        """Select all but those that undo a change of address, and what has been used.

        A thief of an account could end those by changing the address once more.
        """
        return self.filter(used_at=None).exclude(purpose=Purpose.UNDO)

    def present(self, token: str, purpose: Purpose) -> "Link":
        """Return the link that was followed. Raises LinkNotValid."""
        found = self.live().filter(digest=digest(token), purpose=purpose)
        link = found.select_related("user").first()
        if link is None or not link.fits(link.user):
            raise LinkNotValid
        return link

    def enter(self, user: User, purpose: Purpose, code: str) -> "Link":
        """Return the user's link that was mailed with this code. Raises CodeIncorrect."""
        link = self.live().filter(user=user, purpose=purpose).order_by("-pk").first()
        if link is None or not link.fits(user) or not link.try_code(code):
            raise CodeIncorrect
        return link

    def to_undo(self, email: str) -> "LinkQuerySet":
        """Select what still takes an account back to this address."""
        return self.live().filter(purpose=Purpose.UNDO, email=email)

    def has_verified(self, token: str) -> bool:
        """Return whether the address that this link verified is its account's still, and is so."""
        used = self.filter(digest=digest(token), purpose=Purpose.VERIFY, used_at__isnull=False)
        now = {"user__email": F("email"), "user__email_verified_at__isnull": False}
        return used.filter(**now).exists()


class Link(models.Model):
    """Permission to do one thing once, for the reader of the mailbox of ``email``.

    The secret is made when the mail is sent, and only its digest is kept: neither the queue of
    mails nor a stolen dump opens anything. One that has verified an address is kept until it is
    purged, to say so when it is followed again; any other is deleted when it is used.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="links")
    purpose = models.CharField(max_length=20)
    email = models.EmailField(db_index=True)
    digest = models.CharField(max_length=64, unique=True, null=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)
    code_digest = models.CharField(max_length=64, blank=True, db_default="")
    code_attempts = models.PositiveSmallIntegerField(default=0, db_default=0)

    objects = LinkQuerySet.as_manager()

    class Meta:
        db_table = "links"

    def __str__(self) -> str:
        return f"{self.purpose} for user {self.user_id}"

    def renew(self) -> Secrets | None:
        """Return new secrets for the link, or None if it is dead; earlier ones are void."""
        token = secrets.token_urlsafe(32)
        code = f"{secrets.randbelow(10**6):06}" if self.purpose in WITH_CODE else ""
        renewed = (
            type(self)
            .objects.filter(pk=self.pk, used_at=None)
            .update(
                digest=digest(token),
                code_digest=self.code_digests(code)[0] if code else "",
                code_attempts=0,
                expires_at=timezone.now() + LIFETIMES[Purpose(self.purpose)],
            )
        )
        return Secrets(token, code) if renewed else None

    def code_digests(self, code: str) -> list[str]:
        """Return the digest of a code, and then what it was under each earlier SECRET_KEY.

        A key is needed: from a plain digest, six digits are found in a second.
        """
        keys, text = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS], f"{self.pk}:{code}"
        return [
            salted_hmac("accounts.mails.code", text, key, algorithm="sha256").hexdigest()
            for key in keys
        ]

    def try_code(self, code: str) -> bool:
        """Count an attempt, and say whether there was one left and the code is right."""
        links = type(self).objects.filter(
            pk=self.pk, code_digest=self.code_digest, code_attempts__lt=CODE_ATTEMPTS
        )
        if not links.update(code_attempts=F("code_attempts") + 1):
            return False
        return any(
            constant_time_compare(self.code_digest, known) for known in self.code_digests(code)
        )

    def fits(self, user: User) -> bool:
        """Return whether the user, as the row is now, may still do what the link is for."""
        if self.purpose == Purpose.VERIFY and self.email != user.email:
            return False
        if self.purpose == Purpose.RESET and self.email != user.email:
            return user.is_active and user.links.to_undo(self.email).exists()
        return user.is_active or self.purpose not in (Purpose.RESET, Purpose.CHANGE)

    def consume(self) -> User:
        """Use the link up and return its user, whose row is locked. Call it in a transaction.

        However many come at once, one is served. Raises LinkNotValid.
        """
        # The user is locked first, as everywhere, so that no two requests wait in a circle.
        user = User.objects.select_for_update().filter(pk=self.user_id).first()
        if user is None or not self.fits(user) or not self.use_up():
            raise LinkNotValid
        return user

    def use_up(self) -> bool:
        """Mark or delete the link, if it still lives; say whether it did: a compare-and-swap."""
        links = type(self).objects.live().filter(pk=self.pk, digest=self.digest)
        if self.purpose == Purpose.VERIFY:
            return links.update(used_at=timezone.now()) == 1
        return links.delete()[0] == 1

    def bring_back(self, user: User) -> None:
        """Give the user the address that this link takes the account back to.

        What was changed after it can no longer be undone to another address; what was changed
        before it still can. Raises EmailTaken if staff gave the address to another account.
        """
        # It had been verified for that long when the link was made, and it is so again.
        user.move(self.email, verified_at=self.created_at - LIFETIMES[Purpose.UNDO])
        user.links.filter(purpose=Purpose.UNDO, pk__gte=self.pk).delete()
