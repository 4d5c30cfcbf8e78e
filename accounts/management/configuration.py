"""The doctor's findings about the settings, without the database or the network."""

import stat
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

from django.conf import settings
from django.core.checks import run_checks

from accounts.management import safety

VERIFIED = {"verify-ca", "verify-full"}
# True if all is well, False if something is wrong, None for a note; and a sentence.
Finding = tuple[bool | None, str]


def checks() -> Iterator[Finding]:
    for warning in run_checks(include_deployment_checks=settings.IS_PRODUCTION):
        if not warning.is_silenced():
            yield False, f"{warning.id}: {warning.msg}"
    if settings.IS_PRODUCTION:
        yield True, f"This is production, for {', '.join(settings.ALLOWED_HOSTS)}."
    else:
        yield True, "This is development: ENVIRONMENT=production refuses what is only good here."


def env_file() -> Iterator[Finding]:
    """Check that only the owner and the group can read the file."""
    # The group may be the service's.
    file = settings.BASE_DIR / ".env"
    if is_open(file):
        is_right = False if settings.IS_PRODUCTION else None
        yield is_right, f"Others on this machine can read {file}: say chmod o= .env there."


def secret_files() -> Iterator[Finding]:
    """Check that only their owners and groups can read the files."""
    # Only a note: a container may have no other users.
    for file in settings.SECRET_FILES:
        if is_open(file):
            yield None, f"Others on this machine can read {file}: say chmod o= {file}."


def is_open(file: Path) -> bool:
    return file.exists() and bool(file.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH))


def keys() -> Iterator[Finding]:
    is_strong = safety.is_random(settings.SECRET_KEY)
    yield is_strong, f"SECRET_KEY {'looks' if is_strong else 'does not look'} random."
    older = settings.SECRET_KEY_FALLBACKS
    if not all(map(safety.is_random, older)):
        yield False, "SECRET_KEY_FALLBACKS holds a key that does not look random."
    elif older:
        days = min(settings.REFRESH_TOKEN_EXPIRE_DAYS, settings.SESSION_MAX_DAYS)
        yield None, f"SECRET_KEY_FALLBACKS is set: take it out {days} days after the change."


def proxies() -> Iterator[Finding]:
    trusted = settings.TRUSTED_PROXIES
    if any(map(safety.covers_everyone, trusted)):
        yield False, "TRUSTED_PROXIES trusts everyone's X-Forwarded-For: limits are void."
    elif trusted:
        yield True, f"The proxies of {', '.join(map(str, trusted))} are believed."
    elif settings.IS_PRODUCTION:
        answer = "the API answers every request with 403 https_required"
        yield False, f"TRUSTED_PROXIES is empty: no proxy is believed, and {answer}."
    else:
        yield True, "TRUSTED_PROXIES is empty: no proxy is believed."


def encryption(host: str, address: str, sslmode: str) -> Finding:
    """Judge a connection to PostgreSQL; ``address`` is the host's IP address, if it has one."""
    if not address or safety.is_this_machine(address):
        return True, "The connection to the database stays on this machine."
    if sslmode in VERIFIED:
        return True, f"The connection to the database at {host} is encrypted and verified."
    if sslmode == "require":
        said = "is encrypted, and not verified; anyone in between could pose as the server"
    else:
        said = f"may be in the clear, with sslmode={sslmode}"
    # Only the operator knows which other machines a private network has.
    is_private = not ip_address(address).is_global
    is_right = None if is_private or sslmode == "require" or not settings.IS_PRODUCTION else False
    remedy = "say ?sslmode=verify-full in DATABASE_URL"
    return is_right, f"The connection to the database at {host} {said}: {remedy}."
