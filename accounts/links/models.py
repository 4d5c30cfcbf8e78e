"""The links in mails: each permits the reader of one mailbox to do one thing."""

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
    """What a link is for; its value is also the last part of the link's URL."""

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

# These mails hold a code too, for people who read them on one device and go on with another.
WITH_CODE = {Purpose.VERIFY, Purpose.CHANGE}
CODE_ATTEMPTS = 5


class Secrets(NamedTuple):
    """The token of a link, and the six digits in the same mail, if any."""

    token: str
    code: str


def digest(token: str) -> str:
    # A token has 256 random bits, so its digest needs no salt and no slow hash.
    return sha256(token.encode()).hexdigest()


class LinkQuerySet(models.QuerySet["Link"]):
    def live(self) -> "LinkQuerySet":
        """Select links that have neither expired nor been used."""
        # No index serves this form of the condition: links are found by digest or email address.
        # With the statistics of a quiet hour PostgreSQL would otherwise read every live link.
        in_time = When(expires_at__gt=timezone.now(), then=True)
        is_in_time = Case(in_time, default=False, output_field=models.BooleanField())
        return self.filter(is_in_time, used_at=None)

    def revocable(self) -> "LinkQuerySet":
        """Select unused links, except those that undo a change of email address."""
        # A thief could end those by changing the email address once more.
        return self.filter(used_at=None).exclude(purpose=Purpose.UNDO)

    def get_by_token(self, token: str, purpose: Purpose) -> "Link":
        """Return the live link with this token. Raises LinkNotValid."""
        found = self.live().filter(digest=digest(token), purpose=purpose)
        link = found.select_related("user").first()
        if link is None or not link.is_usable_by(link.user):
            raise LinkNotValid
        return link

    def get_by_code(self, user: User, purpose: Purpose, code: str) -> "Link":
        """Return the user's newest link, if its mail held this code. Raises CodeIncorrect."""
        link = self.live().filter(user=user, purpose=purpose).order_by("-pk").first()
        if link is None or not link.is_usable_by(user):
            raise CodeIncorrect
        is_right = link.count_attempt(code)
        if not is_right:
            raise CodeIncorrect
        return link

    def to_undo(self, email: str) -> "LinkQuerySet":
        """Select live links that change an account back to this email address."""
        return self.live().filter(purpose=Purpose.UNDO, email=email)

    def has_verified(self, token: str) -> bool:
        """Return whether this link verified the email address that its account still has."""
        used = self.filter(digest=digest(token), purpose=Purpose.VERIFY, used_at__isnull=False)
        now = {"user__email": F("email"), "user__email_verified_at__isnull": False}
        return used.filter(**now).exists()


class Link(models.Model):
    """Permits the reader of the mailbox ``email`` to do one thing once."""

    # The secret is made when the mail is sent, and only its digest is stored: neither the queue of
    # mails nor a stolen dump opens an account. A link that verified an email address is kept until
    # it is purged, so that following it again succeeds; others are deleted when they are used.

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
        """Return new secrets, which replace earlier ones; None if the link was used or deleted."""
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
        """Return the code's digest, then its digests under each earlier SECRET_KEY."""
        # Keyed: from a plain digest, six digits are found in a second. The salt keeps the name that
        # it had when the codes of waiting mails were made.
        keys, text = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS], f"{self.pk}:{code}"
        return [
            salted_hmac("accounts.mails.code", text, key, algorithm="sha256").hexdigest()
            for key in keys
        ]

    def count_attempt(self, code: str) -> bool:
        """Count an attempt; return whether one was left and the code is right."""
        links = type(self).objects.filter(
            pk=self.pk, code_digest=self.code_digest, code_attempts__lt=CODE_ATTEMPTS
        )
        if not links.update(code_attempts=F("code_attempts") + 1):
            return False
        return any(
            constant_time_compare(self.code_digest, known) for known in self.code_digests(code)
        )

    def is_usable_by(self, user: User) -> bool:
        """Return whether the user, as the row is now, may still use the link."""
        if self.purpose == Purpose.VERIFY and self.email != user.email:
            return False
        if self.purpose == Purpose.RESET and self.email != user.email:
            return user.is_active and user.links.to_undo(self.email).exists()
        return user.is_active or self.purpose not in (Purpose.RESET, Purpose.CHANGE)

    def consume(self) -> User:
        """Use the link and return its user, whose row is locked. Call it in a transaction.

        Of several requests at once, one succeeds. Raises LinkNotValid.
        """
        # The user is locked first, as everywhere, so that requests cannot deadlock.
        user = User.objects.select_for_update().filter(pk=self.user_id).first()
        if user is None or not self.is_usable_by(user):
            raise LinkNotValid
        is_ours = self.use()
        if not is_ours:
            raise LinkNotValid
        return user

    def use(self) -> bool:
        """Mark or delete the link, as a compare-and-swap; return False if it was not live."""
        links = type(self).objects.live().filter(pk=self.pk, digest=self.digest)
        if self.purpose == Purpose.VERIFY:
            return links.update(used_at=timezone.now()) == 1
        return links.delete()[0] == 1

    def undo_change(self, user: User) -> None:
        """Change the user back to this link's email address, and void newer undo links.

        Raises EmailTaken if staff gave the email address to another account.
        """
        # Older undo links stay: what was changed before this one can still be undone.
        # When the link was made, the email address had been verified for as long as a link lives.
        user.move(self.email, verified_at=self.created_at - LIFETIMES[Purpose.UNDO])
        user.links.filter(purpose=Purpose.UNDO, pk__gte=self.pk).delete()
