"""The entrance: sign up and sign in."""

from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.auth import flows
from accounts.auth.serializers import (
    SignedInSerializer,
    SignedUpSerializer,
    SigninSerializer,
    SignupSerializer,
)
from accounts.errors import AccountInactive, EmailTaken, InvalidCredentials, PasswordRefused
from accounts.throttling.addresses import client_address
from accounts.viewsets import EntranceViewSet, operation


class AuthViewSet(EntranceViewSet):
    @operation(SignupSerializer, SignedUpSerializer, 201, errors=(EmailTaken, PasswordRefused))
    @action(detail=False, methods=["post"])
    def signup(self, request: Request) -> Response:
        """Create an account.

        It signs nobody in: that is the next request.
        """
        user = flows.signup(**self.validated())
        body = {"user": user, "message": "User created successfully"}
        return Response(SignedUpSerializer(body).data, status=201)

    @operation(SigninSerializer, SignedInSerializer, errors=(InvalidCredentials, AccountInactive))
    @action(detail=False, methods=["post"])
    def signin(self, request: Request) -> Response:
        """Start a session on this device.

        Send the access token with every request as `Authorization: Bearer …`. The answer is the
        same for an unknown address and for a wrong password.
        """
        user, tokens = flows.signin(
            **self.validated(),
            ip_address=client_address(request),
            user_agent=request.headers.get("User-Agent", ""),
        )
        return Response(SignedInSerializer({"user": user, **tokens._asdict()}).data)
