"""Passwords: to change one's own, and to set another one when it is forgotten."""

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
from accounts.viewsets import EntranceViewSet, MemberViewSet, operation


class ChangePasswordViewSet(MemberViewSet):
    @operation(
        ChangePasswordSerializer,
        PasswordChangedSerializer,
        errors=(PasswordIncorrect, PasswordRefused, PasswordUnchanged, TooManyAttempts, Overloaded),
    )
    def create(self, request: Request) -> Response:
        """Change my password.

        My other sessions end at once; this one stays.
        """
        passwords = self.validated(user=self.session.user)
        flows.change(self.session, **passwords, actor=self.actor)
        return Response({"message": "Password changed successfully"})


class PasswordViewSet(EntranceViewSet):
    @operation(ForgotPasswordSerializer, PasswordChangedSerializer, 202, errors=(TooManyAttempts,))
    @action(detail=False, methods=["post"], url_path="forgot-password")
    def forgot_password(self, request: Request) -> Response:
        """Send a link to set a new password.

        The answer is the same for every address.
        """
        outbox.request_link(Purpose.RESET, self.validated()["email"], self.actor)
        message = "If the address has an account, we sent a link to it."
        return Response({"message": message}, status=202)

    @operation(
        ResetPasswordSerializer,
        PasswordChangedSerializer,
        errors=(LinkNotValid, PasswordRefused, Overloaded),
    )
    @action(detail=False, methods=["post"], url_path="reset-password")
    def reset_password(self, request: Request) -> Response:
        """Set a new password with the link in a mail.

        Everybody is signed out, and nobody in: that is the next request. The address is verified.
        """
        data = self.validated()
        flows.reset(data["token"], data["password"], self.actor)
        return Response({"message": "Password changed successfully"})
