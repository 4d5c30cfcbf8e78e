"""What the doctor finds in the settings, before it asks anything of the surroundings."""

import stat
from collections.abc import Iterator

from django.conf import settings
from django.core.checks import run_checks

# Whether it is well, None if that depends, and a sentence about it.
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
    """Look at who may read the file; a group may be the service's own."""
    file = settings.BASE_DIR / ".env"
    if file.exists() and file.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
        is_right = False if settings.IS_PRODUCTION else None
        yield is_right, f"Others on this machine can read {file}: say chmod o= .env there."


def keys() -> Iterator[Finding]:
    is_strong = is_random(settings.SECRET_KEY)
    yield is_strong, f"SECRET_KEY {'looks' if is_strong else 'does not look'} random."
    older = settings.SECRET_KEY_FALLBACKS
    if not all(map(is_random, older)):
        yield False, "SECRET_KEY_FALLBACKS holds a key that does not look random."
    elif older:
        days = min(settings.REFRESH_TOKEN_EXPIRE_DAYS, settings.SESSION_MAX_DAYS)
        yield None, f"SECRET_KEY_FALLBACKS is set: take it out {days} days after the change."


def is_random(key: str) -> bool:
    return len(key) >= 32 and len(set(key)) >= 10


def proxies() -> Iterator[Finding]:
    trusted = settings.TRUSTED_PROXIES
    if any(network.prefixlen == 0 for network in trusted):
        yield False, "TRUSTED_PROXIES believes everybody's X-Forwarded-For: limits are void."
    elif trusted:
        yield True, f"The proxies of {', '.join(map(str, trusted))} are believed."
    elif settings.IS_PRODUCTION:
        answer = "the API answers every request with 403 https_required"
        yield False, f"TRUSTED_PROXIES is empty: no proxy is believed, and {answer}."
    else:
        yield True, "TRUSTED_PROXIES is empty: no proxy is believed."


def addresses() -> Iterator[Finding]:
    """Look for addresses without HTTPS, which are right on a laptop only."""
    if not settings.IS_PRODUCTION:
        return
    plain = [origin for origin in settings.CORS_ALLOWED_ORIGINS if origin.startswith("http:")]
    if plain:
        yield False, f"BACKEND_CORS_ORIGINS lets in pages without HTTPS: {', '.join(plain)}."
    if settings.FRONTEND_URL.startswith("http:"):
        yield False, "FRONTEND_URL is without HTTPS: links in mails would show their secrets."
