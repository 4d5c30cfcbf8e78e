"""A session and its tokens in responses."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from accounts.sessions.models import Session

ANA = {
    "access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIn0.c2ln",
    "refresh_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.c2ln",
    "token_type": "bearer",
    "expires_in": 900,
}
FIREFOX = {
    "id": "15811b57-a172-47dc-99ba-0896ae884b36",
    "current": True,
    "created_at": "2026-01-02T03:04:05.678901Z",
    "last_used_at": "2026-01-02T04:00:00.123456Z",
    "expires_at": "2026-01-09T04:00:00.123456Z",
    "ip_address": "192.0.2.7",
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "device": "Firefox on Linux",
}


@extend_schema_serializer(examples=[OpenApiExample("Tokens", ANA, response_only=True)])
class TokensSerializer(serializers.Serializer[Any]):
    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds until the access token expires.")


@extend_schema_serializer(
    component_name="Session", examples=[OpenApiExample("Firefox", FIREFOX, response_only=True)]
)
class SessionSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    current = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField(help_text="When this device signed in.")
    last_used_at = serializers.DateTimeField(help_text="When its tokens were last refreshed.")
    expires_at = serializers.DateTimeField(help_text="When it ends if it is not refreshed.")
    ip_address = serializers.CharField(allow_null=True)
    user_agent = serializers.CharField()
    device = serializers.CharField(help_text="Like Firefox on Linux.")

    def get_current(self, session: Session) -> bool:
        return bool(session.pk == self.context["request"].auth.pk)
