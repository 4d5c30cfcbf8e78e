"""The password of the person who is signed in."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import (
    Overloaded,
    PasswordIncorrect,
    PasswordRefused,
    PasswordUnchanged,
    TooManyAttempts,
)
from accounts.passwords import flows
from accounts.passwords.serializers import ChangePasswordSerializer, PasswordChangedSerializer
from accounts.viewsets import MemberViewSet, operation


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
        flows.change(self.session, **self.validated(), client=self.client)
        return Response({"message": "Password changed successfully"})
