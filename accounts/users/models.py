"""The user: one account for each mailbox."""

import contextlib
from datetime import datetime
from string import ascii_lowercase, ascii_uppercase
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from email_validator import EmailNotValidError, validate_email

from accounts.actors.actor import COMMAND
from accounts.errors import EmailTaken
from accounts.events.models import Event, EventName
from accounts.users.hashers import AsTyped, in_one_form, renew

# str.lower() would also turn other letters into ASCII, like the Kelvin sign into k.
ASCII_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)

# A line break in a name could reach a mail's header. Characters that embed, override or isolate
# a direction (UAX 9) reverse the rest of a line in the admin and in mails. The three marks of a
# direction do not, and keyboards for Arabic and Hebrew type them.
NAME_VALIDATORS = [
    RegexValidator(
        r"\A[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*\Z",
        "Enter a name without control characters. If you pasted it, type it instead.",
    ),
    # Spaces, an empty Braille pattern, and invisible characters (Default_Ignorable_Code_Point).
    RegexValidator(
        r"[^\s\u2800\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
        r"\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
        r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff]",
        "Enter a name that can be seen.",
    ),
]


LONGEST_EMAIL = 254
# Wider than the rule for new email addresses: an imported account may have ana@localhost. No
# comma, quote or space is allowed, so that it is one email address.
validate_email_shape = RegexValidator(
    r'\A[^\s@"(),:;<>\[\\\]]+@[^\s@"(),:;<>\[\\\]]+\Z', _("Enter a valid email address.")
)


def parse_email(email: str, *, is_test: bool = True) -> str:
    """Return the email address with its domain in ASCII (IDNA 2008).

    Raises EmailNotValidError, also for domains of tests (RFC 6761, 6.2) unless ``is_test``.
    """
    if len(email) > LONGEST_EMAIL:  # It is refused anyway, but parsing 64 KiB would take a second.
        raise EmailNotValidError
    parsed = validate_email(
        email,
        allow_smtputf8=False,
        check_deliverability=False,
        strict=True,
        test_environment=is_test,
    )
    return parsed.ascii_email or email


def validate_new_email(email: str) -> None:
    """Raise ValidationError unless this can be a mailbox on the internet.

    In development, domains of tests are mailboxes too.
    """
    # Django's own validator accepts some that cannot.
    try:
        parse_email(email.strip(), is_test=not settings.IS_PRODUCTION)
    except EmailNotValidError as error:
        raise ValidationError(_("Enter a valid email address."), code="invalid") from error


class UserManager(BaseUserManager["User"]):
    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """Return the canonical spelling: trimmed, in lower case, with the domain in ASCII."""
        # An email address that no new account may have is an imported one or unknown. It keeps its
        # other characters, so that it never becomes a different one.
        email = (email or "").strip()
        with contextlib.suppress(EmailNotValidError):
            email = parse_email(email)
        return email.translate(ASCII_LOWER)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=self.normalize_email(username))

    def prepare(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Return a user that is not stored yet. Raises ValidationError for a bad name.

        Call it before the transaction that stores the user: it may wait for its hash.
        """
        user = self.model(email=self.normalize_email(email), **fields)
        self.model._meta.get_field("full_name").run_validators(user.full_name)
        user.set_password(password)
        return user

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user; without a password no one can sign in as them.

        Raises what ``prepare`` raises; IntegrityError if the email address has an account.
        """
        user = self.prepare(email, password, **fields)
        with transaction.atomic(using=self._db):
            user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user who may do anything in the admin.

        Raises ValidationError if the password breaks the policy, even where Django's command
        would offer to ignore that.
        """
        if password is not None:
            validate_password(password, self.model(email=self.normalize_email(email), **fields))
        user = self.prepare(email, password, is_staff=True, is_superuser=True, **fields)
        with transaction.atomic(using=self._db):
            user.save(using=self._db)
            Event.objects.record(EventName.ACCOUNT_CREATED, COMMAND, user.pk, is_superuser=True)
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A person, known by their email address in its canonical spelling."""

    email = models.EmailField(
        unique=True,
        validators=[validate_new_email],
        error_messages={"unique": "Email already registered"},
    )
    full_name = models.CharField(
        max_length=200,
        null=True,
        blank=True,
        validators=NAME_VALIDATORS,
    )
    is_active = models.BooleanField(
        "active", default=True, help_text="Deactivate an account instead of deleting it."
    )
    is_staff = models.BooleanField("staff", default=False, help_text="May sign in to this site.")
    email_verified_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    last_login = None  # Sessions say when they were started and last used.

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = []

    objects = UserManager()

    class Meta:
        db_table = "users"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="users_email_is_lower_case"
            )
        ]
        # For the filters of the admin's list: without them a rare value is sought in the whole
        # table. On PostgreSQL the migration adds one for the start of a name.
        indexes = [
            models.Index(fields=["created_at"], name="users_created_at"),
            models.Index(fields=["id"], condition=models.Q(is_active=False), name="users_inactive"),
            models.Index(fields=["id"], condition=models.Q(is_staff=True), name="users_staff"),
            models.Index(
                fields=["id"], condition=models.Q(is_superuser=True), name="users_superusers"
            ),
        ]

    def __str__(self) -> str:
        return self.email

    def __repr__(self) -> str:
        # Without the email address, since Django's exceptions quote it.
        return f"<User: {self.pk}>"

    def clean(self) -> None:
        self.email = type(self).objects.normalize_email(self.email)
        self.full_name = (self.full_name or "").strip() or None

    @property
    def email_verified(self) -> bool:
        return self.email_verified_at is not None

    @property
    def is_privileged(self) -> bool:
        return self.is_staff or self.is_superuser

    def move(self, email: str, verified_at: datetime) -> None:
        """Store a verified email address. Raises EmailTaken, also for the loser of a race."""
        users = type(self).objects.filter(pk=self.pk)
        try:
            with transaction.atomic():
                users.update(email=email, email_verified_at=verified_at, updated_at=timezone.now())
        except IntegrityError as error:
            raise EmailTaken from error
        self.email, self.email_verified_at = email, verified_at

    def check_password(self, raw_password: str | None) -> bool:
        """Return whether the password is right; upgrade an older hash if it is."""
        if check_password(raw_password, self.password, self.upgrade):
            return True
        if raw_password is None or in_one_form(raw_password) == raw_password:
            return False
        # It may be a hash from before NFC. The second comparison takes as long for every account,
        # and for none, but happens only if the password is typed in another form.
        if not check_password(AsTyped(raw_password), self.password):
            return False
        self.upgrade(raw_password)
        return True

    def upgrade(self, password: str) -> None:
        """Store a new hash of the right password, unless another request has set a password."""
        users, upgraded = type(self).objects.filter(pk=self.pk), renew(password, self.password)
        if users.filter(password=self.password).update(password=upgraded):
            self.password = upgraded
            return
        # Another request was first: it upgraded this hash too, or set another password.
        current = users.values_list("password", flat=True).first()
        if current and check_password(password, current):
            self.password = current
