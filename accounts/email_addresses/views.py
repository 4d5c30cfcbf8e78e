"""Verify an email address, change it, and undo a change."""

from typing import Any

from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.email_addresses import flows
from accounts.email_addresses.serializers import (
    AddressSerializer,
    ChangeEmailSerializer,
    LinkSerializer,
    ProofSerializer,
    VerifyEmailSerializer,
)
from accounts.errors import (
    CodeIncorrect,
    EmailTaken,
    InvalidCredentials,
    InvalidToken,
    LinkNotValid,
    Overloaded,
    OwnershipRequired,
    PasswordIncorrect,
    ReauthenticationRequired,
    TooManyAttempts,
)
from accounts.links.models import Purpose
from accounts.outbox import flows as outbox
from accounts.outbox.serializers import MessageSerializer
from accounts.reauthentication import serializers as reauthentication
from accounts.sessions.authentication import SessionAuthentication
from accounts.sessions.models import Session
from accounts.viewsets import (
    BEARER_TOKEN_OPTIONAL,
    EntranceViewSet,
    MemberViewSet,
    documented,
)

VERIFIED = {
    flows.Outcome.DONE: "Email verified successfully",
    flows.Outcome.ACCESS_RESET: (
        "Email verified successfully. Set a new password with the link that we sent you."
    ),
    flows.Outcome.REPEATED: "This email is verified already",
}
RESTORED = "Email restored. Set a new password with the link that we sent you."
CHANGED = {
    flows.Outcome.DONE: "Email changed successfully",
    flows.Outcome.ACCESS_RESET: RESTORED,
}
# The errors for a proof that does not show that the reader of a mail is the account's owner.
NOT_PROVEN = (
    InvalidToken,
    LinkNotValid,
    CodeIncorrect,
    PasswordIncorrect,
    InvalidCredentials,
    OwnershipRequired,
    TooManyAttempts,
    Overloaded,
)


def session_of(request: Request) -> Session | None:
    """Return the session of the bearer token, if there is one. Raises InvalidToken."""
    _, session = SessionAuthentication().authenticate(request) or (None, None)
    return session


def proof_from(data: dict[str, Any], session: Session | None) -> flows.MailboxProof:
    return flows.MailboxProof(
        token=data.get("token"),
        code=data.get("code"),
        session=session,
        account=reauthentication.proof_from(data),
        email=data.get("email"),
        password=data.get("password"),
    )


class EmailViewSet(EntranceViewSet):
    @documented(auth=BEARER_TOKEN_OPTIONAL, responses=MessageSerializer, errors=NOT_PROVEN)
    @action(
        detail=False,
        methods=["post"],
        url_path="verify-email",
        serializer_class=VerifyEmailSerializer,
    )
    def verify_email(self, request: Request) -> Response:
        """Verify my email address with the link or the code in a mail.

        The mail proves the mailbox, not the account: anyone can sign up with another person's
        email address. So beside the token send a bearer token of the account or its password as
        `current_password`; beside the code, a bearer token or `email` and `password`. Without
        them the answer is 403 `ownership_required`, and the link stays good. A reader who did not
        sign up sends `start_over`: all sessions and links end, the password is void, and a link to
        set a new one is sent. A link that is repeated says that the email address is verified.
        """
        data = self.validated_data()
        outcome = flows.verify_email(
            proof=proof_from(data, session_of(request)),
            actor=self.actor,
            start_over=data.get("start_over", False),
        )
        return Response({"message": VERIFIED[outcome]})

    @documented(responses={202: MessageSerializer}, errors=[TooManyAttempts])
    @action(
        detail=False,
        methods=["post"],
        url_path="resend-verification",
        serializer_class=AddressSerializer,
    )
    def resend_verification(self, request: Request) -> Response:
        """Send the link to verify an email address once more.

        The answer is the same for every email address.
        """
        data = self.validated_data()
        outbox.request_link(Purpose.VERIFY, email=data["email"], actor=self.actor)
        message = "If the address has an account that is not verified, we sent a link to it."
        return Response({"message": message}, status=202)

    @documented(
        auth=BEARER_TOKEN_OPTIONAL,
        responses=MessageSerializer,
        errors=[*NOT_PROVEN, EmailTaken],
    )
    @action(
        detail=False,
        methods=["post"],
        url_path="confirm-email-change",
        serializer_class=ProofSerializer,
    )
    def confirm_email_change(self, request: Request) -> Response:
        """Confirm my new email address with the link or the code in a mail.

        Beside the token send a bearer token of the account or its password as `current_password`;
        beside the code, a bearer token or the present `email` and `password`. Without them the
        answer is 403 `ownership_required`. A link that is refused stays good. Changing back to an
        email address to which a change can still be undone undoes it: all sessions end, the
        password is void, and a link to set a new one is sent.
        """
        data = self.validated_data()
        outcome = flows.confirm_change(
            proof=proof_from(data, session_of(request)), actor=self.actor
        )
        return Response({"message": CHANGED[outcome]})

    @documented(responses=MessageSerializer, errors=[LinkNotValid, EmailTaken])
    @action(
        detail=False,
        methods=["post"],
        url_path="undo-email-change",
        serializer_class=LinkSerializer,
    )
    def undo_email_change(self, request: Request) -> Response:
        """Undo a change of my email address with the link in a mail.

        All sessions end, the password is void, and a link to set a new one is sent.
        """
        data = self.validated_data()
        flows.undo_change(token=data["token"], actor=self.actor)
        return Response({"message": RESTORED})


class ChangeEmailViewSet(MemberViewSet):
    serializer_class = ChangeEmailSerializer

    @documented(
        responses={202: MessageSerializer},
        errors=[PasswordIncorrect, ReauthenticationRequired, TooManyAttempts, Overloaded],
    )
    def create(self, request: Request) -> Response:
        """Change my email address.

        It changes when the link that is sent to the new one is followed.
        """
        data = self.validated_data()
        flows.request_change(
            session=self.session,
            actor=self.actor,
            new_email=data["new_email"],
            proof=reauthentication.proof_from(data),
        )
        return Response({"message": "We sent a link to the new address."}, status=202)
