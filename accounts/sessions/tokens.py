"""The two tokens of a session: JSON Web Tokens (RFC 7519) that name it in ``sid``."""

from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Self
from uuid import UUID, uuid5

from django.conf import settings
from jwt import InvalidAlgorithmError, InvalidSignatureError
from jwt.utils import base64url_decode, base64url_encode
from rest_framework_simplejwt import tokens
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.utils import aware_utcnow

from accounts.errors import ForgedToken, InvalidToken
from accounts.sessions.models import Session

LARGEST_GENERATION = 2**31 - 1
REMEMBERED = 4096  # Access tokens in each worker, of some two kilobytes.


class RotatedBackend(TokenBackend):
    """Signs with one key; verifies with older ones too."""

    def __init__(self, key: str, older: list[str]) -> None:
        super().__init__(
            api_settings.ALGORITHM,
            key,
            audience=api_settings.AUDIENCE,
            issuer=api_settings.ISSUER,
            leeway=api_settings.LEEWAY,
        )
        self.older = [RotatedBackend(old, []) for old in older]

    def decode(self, token: Any, verify: bool = True) -> dict[str, Any]:
        """Return the token's claims. Raises TokenBackendError."""
        try:
            return super().decode(token, verify)
        except TokenBackendError as error:
            if isinstance(error.__cause__, InvalidSignatureError):
                for backend in self.older:
                    with suppress(TokenBackendError):
                        return backend.decode(token, verify)
            raise


backend = RotatedBackend(api_settings.SIGNING_KEY, settings.TOKEN_KEY_FALLBACKS)


def refused(error: TokenError) -> InvalidToken:
    """Return the error to raise; ForgedToken if a key that is not ours signed the token."""
    backend_error = error.__cause__
    cause = getattr(backend_error, "__cause__", None)
    is_forged = isinstance(cause, InvalidSignatureError | InvalidAlgorithmError)
    return ForgedToken() if is_forged else InvalidToken()


def is_canonical(token: str) -> bool:
    """Return whether the signature is base64url as RFC 7515 (section 2) defines it."""
    # Python also decodes padding, characters outside the alphabet, and any last bits. Header and
    # claims need no such check: they are signed as they are spelt.
    signature = token.rpartition(".")[2].encode()
    return base64url_encode(base64url_decode(signature)) == signature


class SessionToken(tokens.Token):
    """A token with all of our claims.

    Its constructor raises TokenError for any other: malformed, forged, expired, of another kind,
    or with a claim that is missing or has a bad value.
    """

    _token_backend = backend
    claims: dict[str, type] = {
        **dict.fromkeys(("aud", "iss", "jti", "sid", "sub"), str),
        **dict.fromkeys(("exp", "iat"), int),
    }

    def __init__(self, token: Any = None, verify: bool = True) -> None:
        try:
            super().__init__(token, verify)
        except (TypeError, ValueError, LookupError, ArithmeticError, OSError, RecursionError) as e:
            # PyJWT and SimpleJWT raise these for a header nested a thousand levels deep, or an
            # expiry in the year 300,000.
            raise TokenError("The token is malformed.") from e

    def verify(self) -> None:
        super().verify()
        if not is_canonical(str(self.token)):
            raise TokenError("The signature is not canonical.")
        if any(type(self.payload.get(claim)) is not kind for claim, kind in self.claims.items()):
            raise TokenError("The token lacks a claim.")
        UUID(self.payload["jti"])  # Or a ValueError; nothing else reads it.
        self.sid = UUID(self.payload["sid"])
        if self.payload["iat"] <= 0:
            raise TokenError("The token has no time of issue.")

    @classmethod
    def parse(cls, token: str) -> Self:
        """Return the token that a client sent. Raises InvalidToken."""
        try:
            return cls(token)
        except TokenError as error:
            raise refused(error) from error

    @classmethod
    def for_session(cls, session: Session) -> Self:
        token = cls()
        token["sub"] = str(session.user_id)
        token["sid"] = str(session.pk)
        return token


class AccessToken(SessionToken, tokens.AccessToken):
    """Opens the API for some minutes, while its session is live."""

    # It comes with every request, and verifying it took a sixth of one. So valid tokens are
    # remembered: neither the text nor a key ever changes, only whether it has expired.

    @classmethod
    def parse(cls, token: str) -> "AccessToken":
        try:
            known = verified(token)
            known.check_exp(current_time=aware_utcnow())
        except TokenError as error:
            raise refused(error) from error
        return known

    def verify(self) -> None:
        super().verify()
        # None in tokens of an older version, which live for minutes.
        self.generation = self.payload.get("gen")
        if self.generation is not None and type(self.generation) is not int:
            raise TokenError("The token is of no generation.")

    @classmethod
    def for_session(cls, session: Session) -> Self:
        token = super().for_session(session)
        token["gen"] = session.generation
        return token


# Shared by requests, so never change what it returns. Refused tokens are not kept, so made-up ones
# cannot fill it.
verified = lru_cache(REMEMBERED)(AccessToken)


class RefreshToken(SessionToken, tokens.RefreshToken):  # type: ignore[misc]
    """Can be exchanged for the next pair once.

    ``gen`` is the session's generation, ``auth_time`` the time of the sign-in (OpenID Connect
    Core, section 2) in seconds since 1970.
    """

    claims = {**SessionToken.claims, "gen": int, "auth_time": float}

    def verify(self) -> None:
        super().verify()
        self.generation = self.payload["gen"]
        if not 0 <= self.generation < LARGEST_GENERATION:
            raise TokenError("The token is of no generation.")
        self.signed_in_at = datetime.fromtimestamp(self.payload["auth_time"], UTC)
        self.user_id = int(self.payload["sub"])

    @classmethod
    def for_session(cls, session: Session) -> Self:
        """Return the token of the session's current generation."""
        # Every claim comes from the row, so a generation always has the same token.
        token = super().for_session(session)
        token["gen"] = session.generation
        token["auth_time"] = session.created_at.timestamp()
        token["jti"] = uuid5(session.pk, str(session.generation)).hex
        token["iat"] = int(session.last_used_at.timestamp())
        token["exp"] = int(session.expires_at.timestamp())
        return token
