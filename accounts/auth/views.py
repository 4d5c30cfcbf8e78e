"""Sign up, sign in, refresh a session and sign out."""

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
from accounts.viewsets import BEARER_TOKEN_OPTIONAL, EntranceViewSet, documented

CHECK_YOUR_MAIL = "We sent you a mail: follow the link in it to go on."


class AuthViewSet(EntranceViewSet):
    @documented(
        responses={201: SignedUpSerializer, 202: MessageSerializer},
        errors=[EmailTaken, PasswordRefused, SignupClosed, TooManyAttempts, Overloaded],
    )
    @action(detail=False, methods=["post"], serializer_class=SignupSerializer)
    def signup(self, request: Request) -> Response:
        """Create an account.

        Signing in is the next request. Where email addresses must be verified first, the answer
        is 202 with a message and no user, whether or not the email address has an account.
        """
        data = self.validated_data()
        user = flows.signup(
            email=data["email"],
            password=data["password"],
            full_name=data.get("full_name"),
            actor=self.actor,
        )
        if user is None:
            return Response({"message": CHECK_YOUR_MAIL}, status=202)
        message = "User created successfully"
        if not user.is_active:
            message += ". Your account is pending approval by an administrator."
        body = {"user": user, "message": message}
        return Response(SignedUpSerializer(body).data, status=201)

    @documented(
        auth=BEARER_TOKEN_OPTIONAL,
        responses=SignedInSerializer,
        errors=[InvalidCredentials, AccountInactive, EmailNotVerified, TooManyAttempts, Overloaded],
    )
    @action(detail=False, methods=["post"], serializer_class=SigninSerializer)
    def signin(self, request: Request) -> Response:
        """Start a session on this device.

        Send the access token with every request as `Authorization: Bearer …`. The answer is the
        same for an unknown email address and for a wrong password. If the request has the access
        token of an earlier session of the same person, that session ends; other tokens are ignored.
        """
        data = self.validated_data()
        user, tokens = flows.signin(
            email=data["email"],
            password=data["password"],
            actor=self.actor,
            access_token=bearer_token(request),
        )
        return Response(SignedInSerializer({"user": user, **tokens._asdict()}).data)

    @documented(responses=TokensSerializer, errors=[InvalidToken])
    @action(detail=False, methods=["post"], serializer_class=RefreshSerializer)
    def refresh(self, request: Request) -> Response:
        """Exchange a refresh token for the next pair.

        Each can be exchanged once. If the answer was lost, repeat the request: it gets the same
        new refresh token, until that is used. A later repeat ends the session, since the token
        may be stolen.
        """
        data = self.validated_data()
        tokens = sessions.refresh(refresh_token=data["refresh_token"], actor=self.actor)
        return Response(tokens._asdict())  # A serializer would copy the same four values.

    @documented(
        auth=BEARER_TOKEN_OPTIONAL,
        responses={204: None},
        errors=[InvalidToken, NotAuthenticated],
    )
    @action(detail=False, methods=["post"], serializer_class=SignoutSerializer)
    def signout(self, request: Request) -> Response:
        """End this session, the others, or all.

        Send the access token in the header, or the refresh token in the body if that has expired.
        Repeating it is answered with 204 too.
        """
        data = self.validated_data()
        flows.signout(
            access_token=bearer_token(request),
            refresh_token=data["refresh_token"],
            scope=data["scope"],
            actor=self.actor,
        )
        return Response(status=204)
