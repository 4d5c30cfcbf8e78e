"""The signed-in person's own account."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

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
from accounts.reauthentication import serializers as reauthentication
from accounts.users.serializers import UserSerializer
from accounts.viewsets import MemberViewSet, documented


class MeViewSet(MemberViewSet):
    serializer_class = UserSerializer

    def get_serializer_class(self) -> type[Serializer[Any]]:
        if self.action == "partial_update":
            return UpdateSerializer
        if self.action == "destroy":
            return DeleteSerializer
        return UserSerializer

    @documented(responses=UserSerializer)
    def retrieve(self, request: Request) -> Response:
        """Show my account."""
        return Response(UserSerializer(self.session.user).data)

    @documented(
        responses=UserSerializer,
        errors=[
            PasswordIncorrect,
            PasswordRefused,
            PasswordUnchanged,
            ReauthenticationRequired,
            TooManyAttempts,
            Overloaded,
        ],
    )
    def partial_update(self, request: Request) -> Response:
        """Change my name or my password.

        A new password ends my other sessions at once; this one stays. Other members of the body
        are ignored.
        """
        data = self.validated_data()
        user = flows.update(
            session=self.session,
            actor=self.actor,
            full_name=data.get("full_name", ...),
            password=data.get("password"),
            proof=reauthentication.proof_from(data),
        )
        return Response(UserSerializer(user).data)

    @documented(
        request=DeleteSerializer,
        responses={204: None},
        errors=[
            PasswordIncorrect,
            ReauthenticationRequired,
            StaffCannotBeDeleted,
            TooManyAttempts,
            Overloaded,
        ],
    )
    def destroy(self, request: Request) -> Response:
        """Delete my account and everything it owns.

        An account of staff can only be deleted in the admin.
        """
        data = self.validated_data()
        flows.delete(
            session=self.session,
            actor=self.actor,
            proof=reauthentication.proof_from(data),
        )
        return Response(status=204)
