"""The signed-in person's own account."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import (
    Overloaded,
    PasswordIncorrect,
    PasswordRefused,
    PasswordUnchanged,
    ReauthenticationRequired,
    StaffCannotBeDeleted,
    TooManyAttempts,
)
from accounts.me import flows
from accounts.me.serializers import DeleteSerializer, UpdateSerializer
from accounts.users.serializers import UserSerializer, shown
from accounts.viewsets import MemberViewSet, operation


class MeViewSet(MemberViewSet):
    @operation(answers=UserSerializer)
    def retrieve(self, request: Request) -> Response:
        """Show my account."""
        return Response(shown(self.session.user))

    @operation(
        UpdateSerializer,
        UserSerializer,
        errors=(
            PasswordIncorrect,
            PasswordRefused,
            PasswordUnchanged,
            ReauthenticationRequired,
            TooManyAttempts,
            Overloaded,
        ),
    )
    def partial_update(self, request: Request) -> Response:
        """Change my name or my password.

        A new password ends my other sessions at once; this one stays. Every other member of the
        body is ignored.
        """
        changes = self.validated(user=self.session.user)
        user = flows.update(self.session, self.actor, **changes)
        return Response(shown(user))

    @operation(
        DeleteSerializer,
        status=204,
        errors=(
            PasswordIncorrect,
            ReauthenticationRequired,
            StaffCannotBeDeleted,
            TooManyAttempts,
            Overloaded,
        ),
    )
    def destroy(self, request: Request) -> Response:
        """Delete my account and everything it owns.

        An account of staff is deleted in the admin only.
        """
        flows.delete(self.session, self.actor, **self.validated())
        return Response(status=204)
