"""Addresses: to prove one, to change it, to take a change back."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.emails import flows
from accounts.emails.serializers import (
    AddressSerializer,
    ChangeEmailSerializer,
    LinkSerializer,
    MessageSerializer,
    OwnerLinkSerializer,
)
from accounts.errors import (
    EmailTaken,
    InvalidToken,
    LinkNotValid,
    Overloaded,
    PasswordIncorrect,
    ReauthenticationRequired,
    TooManyAttempts,
)
from accounts.mails import flows as mails
from accounts.mails.models import Purpose
from accounts.sessions.authentication import SessionAuthentication
from accounts.sessions.models import Session
from accounts.viewsets import EntranceViewSet, MemberViewSet, operation

VERIFIED = {
    flows.Verification.DONE: "Email verified successfully",
    flows.Verification.PUT_OUT: (
        "Email verified successfully. Set a new password with the link that we sent you."
    ),
    flows.Verification.REPEATED: "This email is verified already",
}


def session_of(request: Request) -> Session | None:
    """Return the session of the bearer token, if there is one. Raises InvalidToken."""
    _, session = SessionAuthentication().authenticate(request) or (None, None)
    return session


class EmailViewSet(EntranceViewSet):
    @extend_schema(auth=[{"bearer": []}, {}])  # type: ignore[list-item]
    @operation(
        OwnerLinkSerializer,
        MessageSerializer,
        errors=(InvalidToken, LinkNotValid, PasswordIncorrect, TooManyAttempts, Overloaded),
    )
    @action(detail=False, methods=["post"], url_path="verify-email")
    def verify_email(self, request: Request) -> Response:
        """Verify my address with the link in a mail.

        Send a bearer token of the account, or its password as `current_password`, if you can.
        Without either, if anybody has ever signed in to the account, everybody is signed out, the
        password is void, and a link to set a new one is sent. So a bearer token that has expired,
        or is of another account, is refused: refresh it, or sign in, and send the link again.
        A link that has verified the address says so when it comes again, and does nothing more.
        """
        session = session_of(request)
        outcome = flows.verify(**self.validated(), client=self.client, session=session)
        return Response({"message": VERIFIED[outcome]})

    @operation(AddressSerializer, MessageSerializer, 202, errors=(TooManyAttempts,))
    @action(detail=False, methods=["post"], url_path="resend-verification")
    def resend_verification(self, request: Request) -> Response:
        """Send the link to verify an address once more.

        The answer is the same for every address.
        """
        mails.ask(Purpose.VERIFY, self.validated()["email"], self.client)
        message = "If the address has an account that is not verified, we sent a link to it."
        return Response({"message": message}, status=202)

    @extend_schema(auth=[{"bearer": []}, {}])  # type: ignore[list-item]
    @operation(
        OwnerLinkSerializer,
        MessageSerializer,
        errors=(
            InvalidToken,
            LinkNotValid,
            EmailTaken,
            PasswordIncorrect,
            ReauthenticationRequired,
            TooManyAttempts,
            Overloaded,
        ),
    )
    @action(detail=False, methods=["post"], url_path="confirm-email-change")
    def confirm_email_change(self, request: Request) -> Response:
        """Confirm my new address with the link in a mail.

        Send a bearer token of the account, or its password as `current_password`: the link alone
        shows whose the address is, and not whose the account. Whatever is refused, the link stays
        good.
        """
        session = session_of(request)
        flows.confirm_change(**self.validated(), client=self.client, session=session)
        return Response({"message": "Email changed successfully"})

    @operation(LinkSerializer, MessageSerializer, errors=(LinkNotValid, EmailTaken))
    @action(detail=False, methods=["post"], url_path="undo-email-change")
    def undo_email_change(self, request: Request) -> Response:
        """Take back a change of my address with the link in a mail.

        Everybody is signed out, the password is void, and a link to set a new one is sent.
        """
        flows.undo_change(**self.validated(), client=self.client)
        message = "Email restored. Set a new password with the link that we sent you."
        return Response({"message": message})


class ChangeEmailViewSet(MemberViewSet):
    @operation(
        ChangeEmailSerializer,
        MessageSerializer,
        202,
        errors=(PasswordIncorrect, ReauthenticationRequired, TooManyAttempts, Overloaded),
    )
    def create(self, request: Request) -> Response:
        """Change my address.

        It changes when the link that is sent to the new one is followed.
        """
        flows.request_change(self.session, self.client, **self.validated())
        return Response({"message": "We sent a link to the new address."}, status=202)
