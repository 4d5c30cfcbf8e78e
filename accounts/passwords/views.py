"""Change a password, or set a new one when it is forgotten."""

from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import (
    LinkNotValid,
    Overloaded,
    PasswordIncorrect,
    PasswordRefused,
    PasswordUnchanged,
    TooManyAttempts,
)
from accounts.links.models import Purpose
from accounts.outbox import flows as outbox
from accounts.passwords import flows
from accounts.passwords.serializers import (
    ChangePasswordSerializer,
    ForgotPasswordSerializer,
    PasswordChangedSerializer,
    ResetPasswordSerializer,
)
from accounts.reauthentication import serializers as reauthentication
from accounts.viewsets import EntranceViewSet, MemberViewSet, documented


class ChangePasswordViewSet(MemberViewSet):
    serializer_class = ChangePasswordSerializer

    @documented(
        responses={200: PasswordChangedSerializer},
        errors=[PasswordIncorrect, PasswordRefused, PasswordUnchanged, TooManyAttempts, Overloaded],
        error_attrs={"password": "new_password"},
    )
    def create(self, request: Request) -> Response:
        """Change my password.

        My other sessions end at once; this one stays.
        """
        data = self.validated_data()
        flows.change(
            session=self.session,
            new_password=data["new_password"],
            proof=reauthentication.proof_from(data),
            actor=self.actor,
        )
        return Response({"message": "Password changed successfully"})


class PasswordViewSet(EntranceViewSet):
    @documented(responses={202: PasswordChangedSerializer}, errors=[TooManyAttempts])
    @action(
        detail=False,
        methods=["post"],
        url_path="forgot-password",
        serializer_class=ForgotPasswordSerializer,
    )
    def forgot_password(self, request: Request) -> Response:
        """Send a link to set a new password.

        The answer is the same for every email address.
        """
        data = self.validated_data()
        outbox.request_link(Purpose.RESET, email=data["email"], actor=self.actor)
        message = "If the address has an account, we sent a link to it."
        return Response({"message": message}, status=202)

    @documented(
        responses=PasswordChangedSerializer,
        errors=[LinkNotValid, PasswordRefused, Overloaded],
    )
    @action(
        detail=False,
        methods=["post"],
        url_path="reset-password",
        serializer_class=ResetPasswordSerializer,
    )
    def reset_password(self, request: Request) -> Response:
        """Set a new password with the link in a mail.

        All sessions end, and the next request is a sign-in. The email address is verified.
        """
        data = self.validated_data()
        flows.reset(token=data["token"], new_password=data["password"], actor=self.actor)
        return Response({"message": "Password changed successfully"})
