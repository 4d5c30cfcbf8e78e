"""Check that the sender of a sensitive request is the account's owner."""

from accounts.actors.actor import Actor
from accounts.errors import InvalidToken, PasswordIncorrect, ReauthenticationRequired
from accounts.events.models import Event, EventName
from accounts.lockouts import flows as lockouts
from accounts.reauthentication.proofs import Proof
from accounts.sessions.models import Session
from accounts.throttling import flows as throttling
from accounts.users import hashing_pool
from accounts.users.models import User


def require(session: Session, proof: Proof, actor: Actor) -> None:
    """Require a proof from staff and from a session whose sign-in is old (OWASP ASVS 5.0, 7.5.1).

    Raises ReauthenticationRequired, PasswordIncorrect and TooManyAttempts.
    """
    if proof.is_given:  # A wrong one is refused even where none is needed.
        check(session.user, proof, actor)
    elif session.user.is_privileged or not session.is_fresh:
        raise ReauthenticationRequired


def check(user: User, proof: Proof, actor: Actor) -> None:
    """Raise PasswordIncorrect unless the proof holds the user's password; or TooManyAttempts."""
    # A wrong password counts against the account from any network, and is not a failed sign-in: a
    # thief with a token must not be able to stop the owner from signing in and ending the thief's
    # session.
    limits = lockouts.confirmation_limits(user, actor.network)
    attempt = throttling.Attempt(limits, actor, user_id=user.pk)
    throttling.refuse_if_reached(attempt)
    with (
        hashing_pool.pool.turn(),
        throttling.counting_failures(attempt, PasswordIncorrect),
    ):
        if not user.check_password(proof.password):
            Event.objects.record(EventName.REAUTHENTICATION_FAILED, actor, user.pk)
            raise PasswordIncorrect


def lock_user(session: Session) -> User:
    """Lock and reload the session's user, in the transaction of the change.

    Raises InvalidToken if the account was deleted, its password changed or the session ended in
    the meantime, and ReauthenticationRequired if the user became staff.
    """
    # The proof may be stale: its check waited for a hash.
    unchanged = User.objects.filter(pk=session.user_id, password=session.user.password)
    user = unchanged.select_for_update().first()
    if user is None or not session.is_still_live():
        raise InvalidToken
    if user.is_privileged and not session.user.is_privileged:
        raise ReauthenticationRequired
    return user
