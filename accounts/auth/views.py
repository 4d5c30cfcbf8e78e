"""The entrance and the exit."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.auth import flows
from accounts.auth.serializers import (
    RefreshSerializer,
    SignedInSerializer,
    SignedUpSerializer,
    SigninSerializer,
    SignoutSerializer,
    SignupSerializer,
)
from accounts.errors import (
    AccountInactive,
    EmailNotVerified,
    EmailTaken,
    InvalidCredentials,
    InvalidToken,
    Overloaded,
    PasswordRefused,
    SignupClosed,
    TooManyAttempts,
)
from accounts.outbox.serializers import MessageSerializer
from accounts.sessions import flows as sessions
from accounts.sessions.authentication import bearer_token
from accounts.sessions.serializers import TokensSerializer
from accounts.viewsets import EntranceViewSet, operation

CHECK_YOUR_MAIL = "We sent you a mail: follow the link in it to go on."


class AuthViewSet(EntranceViewSet):
    @operation(
        SignupSerializer,
        SignedUpSerializer,
        201,
        errors=(EmailTaken, PasswordRefused, SignupClosed, TooManyAttempts, Overloaded),
        or_else={202: MessageSerializer},
    )
    @action(detail=False, methods=["post"])
    def signup(self, request: Request) -> Response:
        """Create an account.

        It signs nobody in: that is the next request. Where addresses must be verified first, it
        is 202 with a message and no user, whether or not the address has an account.
        """
        user = flows.signup(**self.validated(), actor=self.actor)
        if user is None:
            return Response({"message": CHECK_YOUR_MAIL}, status=202)
        message = "User created successfully"
        if not user.is_active:
            message += ". Your account is pending approval by an administrator."
        body = {"user": user, "message": message}
        return Response(SignedUpSerializer(body).data, status=201)

    @extend_schema(auth=[{"bearer": []}, {}])  # type: ignore[list-item]
    @operation(
        SigninSerializer,
        SignedInSerializer,
        errors=(InvalidCredentials, AccountInactive, EmailNotVerified, TooManyAttempts, Overloaded),
    )
    @action(detail=False, methods=["post"])
    def signin(self, request: Request) -> Response:
        """Start a session on this device.

        Send the access token with every request as `Authorization: Bearer …`. The answer is the
        same for an unknown address and for a wrong password. Sent with the access token of a
        session of the same person, it ends that one; any other token is as good as none.
        """
        access_token = bearer_token(request)
        user, tokens = flows.signin(**self.validated(), actor=self.actor, access_token=access_token)
        return Response(SignedInSerializer({"user": user, **tokens._asdict()}).data)

    @operation(RefreshSerializer, TokensSerializer, errors=(InvalidToken,))
    @action(detail=False, methods=["post"])
    def refresh(self, request: Request) -> Response:
        """Exchange a refresh token for the next pair.

        Each is good for one exchange. If the answer was lost, it gets the same successor again,
        until that is used. One that comes back later ends the session: it may be stolen.
        """
        tokens = sessions.refresh(**self.validated(), actor=self.actor)
        return Response(tokens._asdict())

    @extend_schema(auth=[{"bearer": []}, {}])  # type: ignore[list-item]
    @operation(SignoutSerializer, status=204, errors=(InvalidToken, NotAuthenticated))
    @action(detail=False, methods=["post"])
    def signout(self, request: Request) -> Response:
        """End this session, the others, or all.

        Send the access token in the header, or the refresh token in the body if that has expired.
        The second time it is a 204 too.
        """
        flows.signout(bearer_token(request), **self.validated(), actor=self.actor)
        return Response(status=204)
